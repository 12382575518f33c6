import { regions, statuses } from '../fixture/order.ts';

/** JSON Schemas of the bodies, for the validators that Fastify compiles when it starts. */
const fields = {
  order_number: { type: 'string', maxLength: 13, pattern: '^SO-[0-9]{10}$' },
  customer: { type: 'string', maxLength: 120 },
  status: { type: 'string', enum: statuses },
  region: { type: 'string', enum: regions },
  amount: { type: 'string', maxLength: 13, pattern: '^[0-9]{1,10}(\\.[0-9]{1,2})?$' },
  quantity: { type: 'integer', minimum: 1, maximum: 100_000 },
  express: { type: 'boolean' },
  ordered_on: { type: 'string', format: 'date' },
  carrier: { type: ['string', 'null'], maxLength: 60 },
  notes: { type: ['string', 'null'], maxLength: 2_000 },
} as const;

const required = [
  'order_number',
  'customer',
  'status',
  'region',
  'amount',
  'quantity',
  'ordered_on',
] as const;

export const newOrderSchema = {
  type: 'object',
  additionalProperties: false,
  required,
  properties: fields,
} as const;

const { status, region, quantity, carrier, notes } = fields;

export const orderPatchSchema = {
  type: 'object',
  additionalProperties: false,
  minProperties: 1,
  properties: { status, region, quantity, carrier, notes },
} as const;

export const orderBulkSchema = {
  type: 'array',
  maxItems: 10_000,
  items: {
    type: 'object',
    additionalProperties: false,
    required: ['op', 'record'],
    properties: { op: { const: 'create' }, record: newOrderSchema },
  },
} as const;

export interface NewOrder {
  order_number: string;
  customer: string;
  status: string;
  region: string;
  amount: string;
  quantity: number;
  express?: boolean;
  ordered_on: string;
  carrier?: string | null;
  notes?: string | null;
}

export type OrderPatch = Partial<
  Pick<NewOrder, 'status' | 'region' | 'quantity' | 'carrier' | 'notes'>
>;

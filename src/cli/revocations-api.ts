export const revocationsPath = '/api/platform/revocations';

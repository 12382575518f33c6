-- runs as: velocity_operator
-- A plan keeps the four eyes that it was asked for under; a token says all that a decision says.

alter table platform.schema_plans add column if not exists four_eyes boolean not null default false;

-- What was minted by the release before could only approve.
alter table platform.approval_tokens
  add column if not exists approved boolean not null default true,
  add column if not exists reason text;

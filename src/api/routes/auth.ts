import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { AuditEvent } from '../../audit/audit-event.ts';
import { auditEvent } from '../../audit/audit-event.ts';
import { checkReturnTo } from '../../auth/return-to.ts';
import { clearCookie, sessionCookie } from '../../auth/session-cookie.ts';
import type { Sessions } from '../../auth/sessions.ts';
import { signInStrategies } from '../../auth/sessions.ts';
import { forgetAttempt } from '../../auth/sign-in.ts';
import { VelocityError } from '../../errors.ts';
import type { RegistrySnapshot, StrategyEntry } from '../../resources/registry/snapshot.ts';
import type { AppDeps } from '../app-deps.ts';
import { describeCaller } from '../platform/describe-caller.ts';
import { identityOf } from '../plugins/authentication.ts';
import { queryOf, requireKnownParams, singleParam } from '../request-params.ts';
import { failedSignInHtml, signInCss, signInHtml, signInScript } from '../sign-in/page.ts';

const open = { config: { access: 'public' } } as const;
const called = { config: { access: 'caller' } } as const;

const landing = '/auth';
const loginParams = new Set(['strategy', 'returnTo']);
const noParams = new Set<string>();

const pages = [
  [landing, 'text/html; charset=utf-8', signInHtml],
  ['/auth/page.js', 'text/javascript; charset=utf-8', signInScript],
  ['/auth/page.css', 'text/css; charset=utf-8', signInCss],
] as const;

const pagePolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  'img-src data:',
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** How people sign in with a browser, who they then are, and how they sign out. */
export function addAuthRoutes(app: FastifyInstance, deps: AppDeps): void {
  for (const [url, contentType, text] of pages) {
    app.get(url, open, (_request, reply) =>
      asPage(reply).header('content-type', contentType).send(text),
    );
  }

  app.get('/auth/login', open, async (request, reply) => {
    const query = queryOf(request);
    requireKnownParams(query, loginParams);
    const returnTo = checkReturnTo(singleParam(query, 'returnTo'), landing);
    const sessions = requireSessions(deps);
    const strategy = chooseStrategy(deps.registry.snapshot(), singleParam(query, 'strategy'));
    noStore(reply);
    if (strategy === 'unclear') {
      const params = new URLSearchParams({ choose: '', returnTo });
      return reply.redirect(`${landing}?${params}`, 303);
    }
    try {
      const { location, cookie } = await sessions.start(strategy, returnTo);
      return reply.header('set-cookie', cookie).redirect(location, 303);
    } catch (error) {
      return answerFailure(deps, request, reply, error);
    }
  });

  app.get('/auth/callback', open, async (request, reply) => {
    const sessions = requireSessions(deps);
    const [, query = ''] = /\?(.*)$/.exec(request.url) ?? [];
    const { cookie } = request.headers;
    noStore(reply).header('set-cookie', forgetAttempt(query));
    try {
      const snapshot = deps.registry.snapshot();
      const made = await sessions.finish({ query, cookie, snapshot });
      await tellAudit(deps, request, { identity: made.identity, operation: 'auth.login' });
      return reply.header('set-cookie', made.cookie).redirect(made.returnTo, 303);
    } catch (error) {
      return answerFailure(deps, request, reply, error);
    }
  });

  app.get('/auth/me', called, (request, reply) => {
    requireKnownParams(queryOf(request), noParams);
    const identity = identityOf(request);
    noStore(reply);
    return {
      data: {
        ...describeCaller(identity, deps.registry.snapshot(), deps.now()),
        ...(identity.credential.kind === 'session' && {
          csrfToken: requireSessions(deps).csrfToken(identity),
        }),
      },
      requestId: request.id,
    };
  });

  app.post('/auth/logout', called, async (request, reply) => {
    const identity = identityOf(request);
    if (identity.credential.kind !== 'session') {
      throw new VelocityError('BAD_REQUEST', 'This request has no session that could end.', {
        hint: 'Keys and tokens are revoked; see docs/login.md.',
      });
    }
    const logoutUrl = await requireSessions(deps).end(identity, deps.registry.snapshot());
    await tellAudit(deps, request, { identity, operation: 'auth.logout' });
    noStore(reply).header('set-cookie', clearCookie(sessionCookie));
    return { data: { ...(logoutUrl !== undefined && { logoutUrl }) }, requestId: request.id };
  });
}

async function tellAudit(
  { pool }: AppDeps,
  { id: requestId }: FastifyRequest,
  event: Pick<AuditEvent, 'identity' | 'operation'>,
): Promise<void> {
  const payload = { session: event.identity.credential.id };
  await pool.transaction((tx) => auditEvent(tx, { ...event, requestId, outcome: 'ok', payload }));
}

function requireSessions({ sessions }: AppDeps): Sessions {
  if (sessions !== undefined) return sessions;
  throw new VelocityError('BAD_REQUEST', 'Nobody signs in here with a browser.', {
    hint: 'Start the API with VELOCITY_SECRET_KEY: openssl rand -base64 32.',
  });
}

/** The one that is asked for, or the only one there is. */
function chooseStrategy(
  snapshot: RegistrySnapshot,
  wanted: string | undefined,
): StrategyEntry | 'unclear' {
  const strategies = signInStrategies(snapshot);
  if (wanted === undefined && strategies.size > 1) return 'unclear';
  const found = wanted === undefined ? [...strategies.values()][0] : strategies.get(wanted);
  if (found !== undefined) return found;
  throw new VelocityError('ENTITY_NOT_FOUND', 'There is no such sign-in.', {
    hint: 'It is the name of an AuthStrategy of type oidc: ?strategy=NAMESPACE/NAME.',
  });
}

/** A person sees a page, everything else the problem document. */
function answerFailure(
  { observer }: AppDeps,
  request: FastifyRequest,
  reply: FastifyReply,
  error: unknown,
): FastifyReply {
  const { id: requestId } = request;
  if (!(error instanceof VelocityError) || error.status >= 500) throw error;
  observer.observe({ type: 'sign-in.failed', requestId, cause: error });
  if (request.headers.accept?.includes('text/html') !== true) throw error;
  request.errorCode = error.code;
  const { message, hint, status } = error;
  return asPage(reply)
    .code(status)
    .header('content-type', 'text/html; charset=utf-8')
    .send(failedSignInHtml({ message, hint, requestId }));
}

/** Addresses and answers here carry codes, cookies and tokens against forgery. */
function noStore(reply: FastifyReply): FastifyReply {
  return reply.header('cache-control', 'no-store').header('referrer-policy', 'no-referrer');
}

function asPage(reply: FastifyReply): FastifyReply {
  return reply
    .header('content-security-policy', pagePolicy)
    .header('referrer-policy', 'no-referrer');
}

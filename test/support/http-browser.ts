/** A page as a browser has it before it. */
export interface Page {
  readonly url: string;
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

/** Redirects that a sign-in takes: some ten. */
const redirectsMax = 20;

/**
 * Follows links, redirects and forms and keeps cookies by host, as a browser does, so that a test can
 * stop it anywhere and change what it sends. A cookie that says Secure is kept for localhost.
 */
export class HttpBrowser {
  readonly cookies = new Map<string, string>();
  /** Every address that was visited: its history. */
  readonly visited: string[] = [];
  /** Every `Set-Cookie` that was answered. */
  readonly setCookies: string[] = [];

  /** Stops in front of the first redirect to an address that `stopAt` accepts, and answers it. */
  async open(url: string, options: OpenOptions = {}): Promise<Page> {
    let next = url;
    let init: RequestInit = { method: options.method ?? 'GET', body: options.body ?? null };
    for (let redirects = 0; redirects < redirectsMax; redirects += 1) {
      this.visited.push(next);
      const answer = await fetch(next, {
        ...init,
        redirect: 'manual',
        headers: {
          accept: options.accept ?? 'text/html',
          cookie: this.#header(),
          ...(init.body instanceof URLSearchParams && {
            'content-type': 'application/x-www-form-urlencoded',
          }),
          ...options.headers,
        },
      });
      this.keep(answer.headers);
      const location = answer.headers.get('location');
      const text = await answer.text();
      if (location === null || answer.status < 300 || answer.status > 399) {
        return { url: next, status: answer.status, headers: answer.headers, text };
      }
      next = new URL(location, next).href;
      init = { method: 'GET', body: null };
      if (options.stopAt?.(new URL(next)) === true) {
        return { url: next, status: answer.status, headers: answer.headers, text };
      }
    }
    throw new Error(`more than ${redirectsMax} redirects from ${url}`);
  }

  /** Sends the page's form with its hidden fields and those that are given. */
  submit(page: Page, fields: Record<string, string>, options: OpenOptions = {}): Promise<Page> {
    const action = /<form[^>]* action="([^"]+)"/.exec(page.text)?.[1];
    if (action === undefined) throw new Error(`no form at ${page.url}:\n${page.text}`);
    const body = new URLSearchParams();
    for (const [input] of page.text.matchAll(/<input[^>]*type="hidden"[^>]*>/g)) {
      const name = /name="([^"]+)"/.exec(input)?.[1];
      if (name !== undefined) body.set(name, /value="([^"]*)"/.exec(input)?.[1] ?? '');
    }
    for (const [name, value] of Object.entries(fields)) body.set(name, value);
    const url = new URL(action.replaceAll('&amp;', '&'), page.url).href;
    return this.open(url, { ...options, method: 'POST', body });
  }

  #header(): string {
    return [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
  }

  /** Keeps the cookies of an answer. */
  keep(headers: Headers): void {
    for (const line of headers.getSetCookie()) {
      this.setCookies.push(line);
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      const expires = /;\s*expires=([^;]+)/i.exec(line)?.[1];
      const gone = /;\s*max-age=0/i.test(line) || (expires && Date.parse(expires) < Date.now());
      if (gone) this.cookies.delete(name);
      else this.cookies.set(name, value);
    }
  }
}

export interface OpenOptions {
  readonly stopAt?: (url: URL) => boolean;
  readonly accept?: string;
  readonly method?: string;
  readonly body?: URLSearchParams;
  readonly headers?: Record<string, string>;
}

/** Signs in at the issuer's own pages and agrees to what it asks. */
export async function passIssuer(
  browser: HttpBrowser,
  page: Page,
  login: string,
  options: OpenOptions = {},
): Promise<Page> {
  let next = page;
  if (next.text.includes('name="login"')) {
    next = await browser.submit(next, { login, password: 'any' }, options);
  }
  if (/name="prompt" value="consent"/.test(next.text)) {
    next = await browser.submit(next, {}, options);
  }
  return next;
}

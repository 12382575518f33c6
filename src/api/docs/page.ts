/** The page behind `/api/docs`, as text, since the build carries nothing but what tsc writes. */
export const pageHtml = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Velocity API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/api/docs/page.css">
<script src="/api/docs/page.js" defer></script>
</head>
<body>
<header>
  <strong>Velocity API</strong>
  <form id="sign-in">
    <label for="key">API key</label>
    <input id="key" type="password" autocomplete="off" spellcheck="false"
           placeholder="vel_…" required>
    <button type="submit">Show</button>
    <button type="button" id="forget" hidden>Forget key</button>
  </form>
  <p id="message" role="status"></p>
</header>
<main id="welcome">
  <h1>What may this key do?</h1>
  <p>Every key sees its own documentation: the schemas, operations and fields that it may use, and
  nothing else. <code>velocity dev</code> prints one when it starts and keeps it in
  <code>.velocity/dev.json</code>; <code>velocity api-key create</code> makes others.</p>
  <p>The key stays in this tab and is sent to this server only, in a header.</p>
</main>
<div id="reference"></div>
</body>
</html>
`;

export const pageCss = `
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif;
  --scalar-custom-header-height: 52px; }
body { margin: 0; }
header { position: sticky; top: 0; z-index: 100; box-sizing: border-box; height: 52px;
  display: flex; gap: 1.5rem; align-items: center; padding: 0 1rem; white-space: nowrap; border-bottom: 1px solid #8884; background: Canvas; }
form { display: flex; gap: .5rem; align-items: center; }
input { width: 22rem; max-width: 50vw; padding: .3rem .5rem; font: inherit; }
button { padding: .3rem .8rem; font: inherit; cursor: pointer; }
#message { margin: 0; color: #c33; }
#welcome { max-width: 40rem; margin: 15vh auto; padding: 0 1rem; }
`;

/** Runs in the browser. The key lives in sessionStorage: it ends with the tab and is in no address. */
export const pageScript = `'use strict';
const storageKey = 'velocity.api-key';
const form = document.getElementById('sign-in');
const field = document.getElementById('key');
const forget = document.getElementById('forget');
const message = document.getElementById('message');
const welcome = document.getElementById('welcome');

function loadRenderer() {
  if (window.Scalar) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const script = document.createElement('script');
    script.src = '/api/docs/renderer.js';
    script.onload = resolve;
    script.onerror = () => reject(new Error('The page could not be loaded whole; reload it.'));
    document.head.append(script);
  });
}

async function show(key) {
  message.textContent = 'Loading …';
  const answer = await fetch('/api/openapi.json', { headers: { 'X-API-Key': key } });
  const content = await answer.json();
  if (!answer.ok) {
    sessionStorage.removeItem(storageKey);
    throw new Error([content.detail, content.hint].filter(Boolean).join(' '));
  }
  await loadRenderer();
  sessionStorage.setItem(storageKey, key);
  welcome.hidden = true;
  forget.hidden = false;
  message.textContent = '';
  const mount = document.createElement('div');
  document.getElementById('reference').replaceChildren(mount);
  window.Scalar.createApiReference(mount, {
    content,
    authentication: {
      preferredSecurityScheme: 'apiKey',
      securitySchemes: { apiKey: { value: key } },
    },
    withDefaultFonts: false,
    persistAuth: false,
    telemetry: false,
    hideClientButton: true,
    agent: { disabled: true },
    mcp: { disabled: true },
    showDeveloperTools: 'never',
  });
}

function tell(error) {
  message.textContent = error.message;
}

form.addEventListener('submit', (event) => {
  event.preventDefault();
  show(field.value.trim()).catch(tell);
});
forget.addEventListener('click', () => {
  sessionStorage.removeItem(storageKey);
  location.reload();
});

const known = sessionStorage.getItem(storageKey);
if (known) {
  field.value = known;
  show(known).catch(tell);
}
`;

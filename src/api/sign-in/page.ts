/** The page behind `/auth`: who is signed in, and the way in and out. Text, as the build carries. */
export const signInHtml = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Velocity: sign in</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/auth/page.css">
<script src="/auth/page.js" defer></script>
</head>
<body>
<main>
  <h1>Velocity</h1>
  <p id="message" role="status">Loading …</p>
  <form id="sign-in" hidden>
    <label id="choice" for="strategy" hidden>Where you sign in, as NAMESPACE/NAME
      <input id="strategy" autocomplete="off" spellcheck="false"></label>
    <button type="submit">Sign in</button>
  </form>
  <button type="button" id="sign-out" hidden>Sign out</button>
</main>
</body>
</html>
`;

export const signInCss = `
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 28rem; margin: 18vh auto; padding: 0 1rem; }
label { display: block; margin-bottom: 1rem; }
input { display: block; width: 100%; box-sizing: border-box; padding: .4rem .6rem; font: inherit; }
button { padding: .4rem 1.2rem; font: inherit; cursor: pointer; }
`;

/** Runs in the browser, which never holds more of a session than its cookie and the CSRF token. */
export const signInScript = `'use strict';
const message = document.getElementById('message');
const form = document.getElementById('sign-in');
const choice = document.getElementById('choice');
const strategy = document.getElementById('strategy');
const signOut = document.getElementById('sign-out');
const asked = new URLSearchParams(location.search);
let csrfToken;

async function show() {
  const answer = await fetch('/auth/me');
  const content = await answer.json();
  if (answer.ok && content.data.csrfToken) {
    csrfToken = content.data.csrfToken;
    const { actor, email, organisation } = content.data;
    message.textContent = 'Signed in as ' + (email || actor) + ' (' + organisation + ').';
    signOut.hidden = false;
    return;
  }
  message.textContent = 'Nobody is signed in.';
  choice.hidden = !asked.has('choose');
  form.hidden = false;
}

form.addEventListener('submit', (event) => {
  event.preventDefault();
  const wanted = new URLSearchParams({ returnTo: asked.get('returnTo') || '/auth' });
  if (strategy.value.trim()) wanted.set('strategy', strategy.value.trim());
  location.assign('/auth/login?' + wanted);
});

signOut.addEventListener('click', async () => {
  const answer = await fetch('/auth/logout', {
    method: 'POST',
    headers: { 'X-CSRF-Token': csrfToken },
  });
  const content = await answer.json();
  if (!answer.ok) return void (message.textContent = content.detail);
  location.assign(content.data.logoutUrl || '/auth');
});

show().catch((error) => { message.textContent = error.message; });
`;

/** For a person whose sign-in did not end well: the same words as the problem document's. */
export function failedSignInHtml(failure: {
  readonly message: string;
  readonly hint: string | undefined;
  readonly requestId: string;
}): string {
  const { message, hint, requestId } = failure;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Velocity: not signed in</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/auth/page.css">
</head>
<body>
<main>
  <h1>Not signed in</h1>
  <p>${escapeHtml([message, hint].filter(Boolean).join(' '))}</p>
  <p><a href="/auth">Back</a></p>
  <p><small>Request ${escapeHtml(requestId)}</small></p>
</main>
</body>
</html>
`;
}

function escapeHtml(text: string): string {
  const entities: Record<string, string> = {
    ...{ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' },
  };
  return text.replace(/[&<>"']/g, (character) => entities[character] ?? '');
}

// The page around Swagger UI: it gets the document with the caller's token, and sends that with each request that is tried.
// The token stays in this tab (sessionStorage), and goes to this server alone.
const issuer = '/dev/issuer/.well-known/openid-configuration';
const client = 'bulkhead-dev-page';
const here = `${location.origin}/docs`;

const field = id => document.getElementById(id);
const say = text => (field('message').textContent = text);

/** What every request to this server carries. */
function headers() {
  const all = {};
  if (field('token').value) all.Authorization = `Bearer ${field('token').value.trim()}`;
  if (field('tenant').value) all['X-Tenant-Id'] = field('tenant').value.trim();
  return all;
}

async function load() {
  field('api').replaceChildren();
  if (!field('token').value) return say('A token says who you are: paste one of your issuer, or of `bulkhead token`.');
  sessionStorage.setItem('docs.token', field('token').value.trim());
  const response = await fetch(field('document').value, { headers: headers(), cache: 'no-cache' });
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) return say(`${response.status}: ${answer.detail ?? response.statusText}${answer.hint ? ` (${answer.hint})` : ''}`);
  say('');
  SwaggerUIBundle({
    spec: answer,
    domNode: field('api'),
    // Each operation in sight is drawn: of many, none is before its table is opened.
    docExpansion: Object.keys(answer.paths).length > 50 ? 'none' : 'list',
    defaultModelsExpandDepth: 0,
    tagsSorter: 'alpha',
    validatorUrl: null,
    requestInterceptor: request => {
      if (new URL(request.url, location.href).origin === location.origin) Object.assign(request.headers, headers());
      return request;
    },
  });
}

// Signing in at the development issuer, which `bulkhead dev` alone has: the authorization code flow with PKCE (RFC 7636).
const base64url = bytes => btoa(String.fromCharCode(...new Uint8Array(bytes))).replace(/\+/g, '-').replace(/\//g, '_').replace(/=/g, '');
const chance = () => base64url(crypto.getRandomValues(new Uint8Array(32)));

async function signIn(endpoints) {
  const [verifier, state] = [chance(), chance()];
  sessionStorage.setItem('docs.flow', JSON.stringify({ verifier, state }));
  const challenge = base64url(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier)));
  location.assign(`${endpoints.authorization_endpoint}?${new URLSearchParams({
    response_type: 'code', client_id: client, redirect_uri: here, scope: 'openid profile', state, nonce: chance(),
    code_challenge: challenge, code_challenge_method: 'S256',
  })}`);
}

/** The token for the code that the issuer sent along, if it was this tab that asked for one. */
async function finishSignIn(endpoints) {
  const given = new URLSearchParams(location.search);
  const flow = JSON.parse(sessionStorage.getItem('docs.flow') ?? 'null');
  if (!given.has('state')) return;
  sessionStorage.removeItem('docs.flow');
  history.replaceState(null, '', here);
  if (given.get('state') !== flow?.state || !given.has('code')) return say(given.get('error_description') ?? 'Signing in failed: try again.');
  const body = new URLSearchParams({
    grant_type: 'authorization_code', client_id: client, redirect_uri: here, code: given.get('code'), code_verifier: flow.verifier,
  });
  const response = await fetch(endpoints.token_endpoint, { method: 'POST', body });
  const answer = await response.json();
  if (!response.ok) return say(`Signing in failed: ${answer.error_description}`);
  field('token').value = answer.access_token;
}

async function start() {
  field('token').value = sessionStorage.getItem('docs.token') ?? '';
  field('caller').addEventListener('submit', event => {
    event.preventDefault();
    load();
  });
  field('document').addEventListener('change', load);
  // Whether there is such an issuer is asked for on this machine alone: elsewhere the answer is known.
  const local = /^(.*\.)?localhost$|^127\.0\.0\.1$|^\[::1\]$/.test(location.hostname);
  const found = local ? await fetch(issuer) : undefined;
  if (found?.ok) {
    const endpoints = await found.json();
    if (endpoints.token_endpoint) {
      field('sign-in').hidden = false;
      field('sign-in').addEventListener('click', () => signIn(endpoints));
      await finishSignIn(endpoints);
    }
  }
  if (field('token').value || !field('message').textContent) await load();
}

await start();

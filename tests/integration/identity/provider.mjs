// A real OpenID Provider on a loopback port, steered by the test through standard input.
//
//   node provider.mjs KEYS.json PORT
//
// KEYS.json is a JWK set of private keys; the first one signs RS256 tokens, the first one of P-256 signs ES256 tokens.
// PORT 0 takes a free one. Prints "ready PORT" when it serves, and ends when standard input ends. Tokens come from
// POST /token with the client's credentials; the resource decides the algorithm
// and whom the token is for: urn:rs256, urn:es256, or urn:billing, which is another service.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { pathToFileURL } from 'node:url';
import { createRequire } from 'node:module';

const [keysFile, port, modules] = process.argv.slice(2);
// The packages are installed in the build tree, not beside this file.
const require = createRequire(pathToFileURL(`${modules}/`));
const { default: Provider } = await import(pathToFileURL(require.resolve('oidc-provider')));

const server = createServer();
server.listen(Number(port), '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    jwks: JSON.parse(readFileSync(keysFile, 'utf8')),
    clients: [{
      client_id: 'shop', client_secret: 'shop-secret-of-the-test', grant_types: ['client_credentials'],
      redirect_uris: [], response_types: [], token_endpoint_auth_method: 'client_secret_post',
    }],
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => 'urn:rs256',
        getResourceServerInfo: (_, resource) => ({
          scope: 'shop', audience: resource === 'urn:billing' ? 'billing' : 'recordshop', accessTokenTTL: 3600, accessTokenFormat: 'jwt',
          jwt: { sign: { alg: resource === 'urn:es256' ? 'ES256' : 'RS256' } },
        }),
      },
    },
    // A machine's token has no user: the client is its subject.
    extraTokenClaims: (_, token) => ({ tenant: 'acme', sub: token.clientId }),
  });
  const requests = { jwks: 0 };
  const callback = provider.callback();
  server.on('request', (request, response) => {
    if (request.url === '/jwks') requests.jwks += 1;
    if (request.url !== '/requests') return callback(request, response);
    response.end(JSON.stringify(requests));
  });
  console.log(`ready ${server.address().port}`);
});
process.stdin.resume();
process.stdin.on('end', () => process.exit(0));

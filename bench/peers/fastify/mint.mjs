// node mint.mjs OUT_DIR < tenant ids, one a line: an RS256 key, jwks.json, and tokens.txt with a token a line.
import { generateKeyPairSync, sign } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';

const out = process.argv[2];
const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
const head = part({ alg: 'RS256', typ: 'JWT', kid: 'bench' });
const now = Math.floor(Date.now() / 1000);
const tokens = readFileSync(0, 'utf8').split('\n').filter(Boolean).map((tenant_id) => {
  const signed = `${head}.${part({
    iss: 'http://127.0.0.1/bench', aud: 'bench', sub: 'bench', tenant_id, role: 'member', iat: now, exp: now + 86400,
  })}`;
  return `${signed}.${sign('sha256', Buffer.from(signed), privateKey).toString('base64url')}`;
});
writeFileSync(`${out}/jwks.json`, JSON.stringify({ keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'bench', alg: 'RS256' }] }));
writeFileSync(`${out}/tokens.txt`, tokens.join('\n') + '\n');

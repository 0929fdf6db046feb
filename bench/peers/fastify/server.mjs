// What a founder would write: fastify, pg's pool, the tenant set in a transaction, row-level security behind it.
// Environment: PORT, PGHOST, PGDATABASE, PGUSER, JWKS (a file), POOL.
import { createPublicKey } from 'node:crypto';
import { readFileSync } from 'node:fs';

import { createVerifier } from 'fast-jwt';
import Fastify from 'fastify';
import pg from 'pg';

const pool = new pg.Pool({ max: Number(process.env.POOL ?? 8) });
const { keys } = JSON.parse(readFileSync(process.env.JWKS, 'utf8'));
const jwk = keys.find((key) => key.kty === 'RSA');
const verify = createVerifier({
  key: createPublicKey({ key: jwk, format: 'jwk' }).export({ type: 'spki', format: 'pem' }),
  algorithms: ['RS256'],
  cache: 5000,
});

const task = {
  type: 'object',
  properties: {
    id: { type: 'string' },
    project_id: { type: 'string' },
    title: { type: 'string' },
    status: { type: 'string' },
    priority: { type: 'integer' },
    due: { type: 'string', format: 'date-time', nullable: true },
    created_at: { type: 'string', format: 'date-time' },
  },
};
const columns = 'id, project_id, title, status, priority, due, created_at';

const app = Fastify({ logger: false });
app.decorateRequest('tenant', '');
app.addHook('onRequest', async (request, reply) => {
  try {
    request.tenant = verify((request.headers.authorization ?? '').replace(/^Bearer /, '')).tenant_id;
  } catch {
    return reply.code(401).send({ error: 'unauthorized' });
  }
});

async function inTenant(tenant, query) {
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    await client.query({ name: 'bind', text: "select set_config('app.tenant_id', $1, true)", values: [tenant] });
    const { rows } = await client.query(query);
    await client.query('COMMIT');
    return rows;
  } catch (error) {
    await client.query('ROLLBACK');
    throw error;
  } finally {
    client.release();
  }
}

app.get('/tasks/:id', { schema: { response: { 200: task } } }, async (request, reply) => {
  const rows = await inTenant(request.tenant, {
    name: 'point', text: `select ${columns} from tasks where id = $1`, values: [request.params.id],
  });
  return rows[0] ?? reply.code(404).send({ error: 'not found' });
});

app.get('/tasks', { schema: { response: { 200: { type: 'array', items: task } } } }, (request) =>
  inTenant(request.tenant, {
    name: 'list', text: `select ${columns} from tasks where status = $1 order by created_at desc, id desc limit 20`,
    values: [request.query.status],
  }));

const body = {
  type: 'object', additionalProperties: false,
  properties: {
    project_id: { type: 'string', format: 'uuid' }, title: { type: 'string' }, status: { type: 'string' },
    priority: { type: 'integer' }, due: { type: 'string', format: 'date-time' },
  },
};

app.post('/tasks', { schema: { body: { ...body, required: ['project_id', 'title'] }, response: { 201: task } } },
  async (request, reply) => {
    const { project_id, title, status, priority, due } = request.body;
    const rows = await inTenant(request.tenant, {
      name: 'insert',
      text: `insert into tasks (tenant_id, project_id, title, status, priority, due)
             values ($1, $2, $3, $4, $5, $6) returning ${columns}`,
      values: [request.tenant, project_id, title, status ?? 'open', priority ?? 0, due],
    });
    return reply.code(201).send(rows[0]);
  });

app.patch('/tasks/:id', { schema: { body, response: { 200: task } } }, async (request, reply) => {
  const rows = await inTenant(request.tenant, {
    name: 'update', text: `update tasks set priority = $2, due = $3 where id = $1 returning ${columns}`,
    values: [request.params.id, request.body.priority, request.body.due],
  });
  return rows[0] ?? reply.code(404).send({ error: 'not found' });
});

await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT) });
console.log('ready');

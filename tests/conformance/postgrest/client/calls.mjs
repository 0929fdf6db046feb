// Drives the data API with @supabase/postgrest-js as it comes from npm: node calls.mjs FOLDER URL TOKEN OTHERS-TOKEN
// FOLDER holds node_modules. Every call says what must come back; the first that does not ends the program with 1.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const [folder, url, token, othersToken] = process.argv.slice(2);
const require = createRequire(pathToFileURL(`${folder}/`));
const { PostgrestClient } = require('@supabase/postgrest-js');
const client = (bearer) => new PostgrestClient(url, { headers: { Authorization: `Bearer ${bearer}` } });
const api = client(token);
const others = client(othersToken);

let calls = 0;
/// What a call gives, as far as `expected` says it. The tenant's column is in no answer but to who named it.
async function expect(call, expected, namesTenant = false) {
  const answer = await call;
  ++calls;
  for (const [member, wanted] of Object.entries(expected)) {
    const got = member === 'code' ? answer.error?.code : answer[member];
    assert.deepStrictEqual(got, wanted, `${member} of call ${calls}: ${JSON.stringify(answer)}`);
  }
  if (expected.code === undefined && expected.error === undefined) assert.equal(answer.error, null, JSON.stringify(answer));
  if (!namesTenant) assert.ok(!JSON.stringify(answer).includes('tenant_id'), JSON.stringify(answer));
  return answer;
}
const data = (call, wanted) => expect(call, { data: wanted });

// Reading
await data(api.from('client').select('id,name').order('id'), [{ id: 1, name: 'Acorn' }, { id: 2, name: 'Birch' }, { id: 3, name: 'Cedar' }]);
await data(others.from('client').select('name').eq('id', 1), [{ name: 'BRAVO Acorn' }]);
await expect(api.from('client').select().eq('id', 1), { data: [{ id: 1, name: 'Acorn', motto: 'grow', country_code: 'DE' }], status: 200, statusText: 'OK' });
await data(api.from('client').select('id').neq('id', 1).order('id'), [{ id: 2 }, { id: 3 }]);
await data(api.from('client').select('id').gt('id', 2), [{ id: 3 }]);
await data(api.from('client').select('id').gte('id', 3), [{ id: 3 }]);
await data(api.from('client').select('id').lt('id', 2), [{ id: 1 }]);
await data(api.from('client').select('id').lte('id', 1), [{ id: 1 }]);
await data(api.from('client').select('id').like('name', '%corn'), [{ id: 1 }]);
await data(api.from('client').select('id').ilike('name', 'bI%'), [{ id: 2 }]);
await data(api.from('client').select('id').is('motto', null), [{ id: 2 }]);
await data(api.from('client').select('id').in('name', ['Birch', 'No, "such"']), [{ id: 2 }]);
await data(api.from('client').select('id').not('id', 'in', '(1,2)'), [{ id: 3 }]);
await data(api.from('client').select('id').or('id.eq.1,name.eq.Cedar').order('id'), [{ id: 1 }, { id: 3 }]);
await data(api.from('client').select('id').or('id.eq.1,and(id.gt.1,name.like.C*)').order('id'), [{ id: 1 }, { id: 3 }]);
await data(api.from('client').select('id').match({ id: 1, name: 'Acorn' }), [{ id: 1 }]);
await data(api.from('client').select('id').filter('id', 'eq', 2), [{ id: 2 }]);
await data(api.from('client').select('id').order('country_code', { ascending: false, nullsFirst: true }).order('id'), [{ id: 3 }, { id: 2 }, { id: 1 }]);
await data(api.from('client').select('id').order('id').limit(1), [{ id: 1 }]);
await data(api.from('client').select('id').order('id').range(1, 2), [{ id: 2 }, { id: 3 }]);
await expect(api.from('client').select('id', { count: 'exact' }).order('id').limit(2), { count: 3, status: 206, statusText: 'Partial Content' });
await expect(api.from('client').select('*', { count: 'exact', head: true }), { count: 3, data: null, status: 200 });
await expect(api.from('client').select('id').range(9, 10), { data: [], status: 200 });
await data(api.from('client').select('title:name').eq('id', 1), [{ title: 'Acorn' }]);
await data(api.from('project').select('budget::text').eq('id', 1), [{ budget: '500.00' }]);
await data(api.from('client').select('name').eq('id', 1).single(), { name: 'Acorn' });
await expect(api.from('client').select('name').single(), { code: 'PGRST116', status: 406, statusText: 'Not Acceptable' });
await expect(api.from('client').select('name').eq('id', 9).single(), { code: 'PGRST116', status: 406 });
await data(api.from('client').select('name').eq('id', 9).maybeSingle(), null);
await data(api.from('client').select('name').eq('id', 1).maybeSingle(), { name: 'Acorn' });

// Related rows
await data(api.from('project').select('name,client(name)').eq('id', 1), [{ name: 'Poster', client: { name: 'Acorn' } }]);
await data(api.from('client').select('name,project(name)').eq('id', 1).order('name', { referencedTable: 'project' }), [{ name: 'Acorn', project: [{ name: 'Film' }, { name: 'Poster' }] }]);
await data(api.from('client').select('id,project!inner(id)').eq('project.id', 3), [{ id: 2, project: [{ id: 3 }] }]);
await data(api.from('client').select('id,project(id)').eq('id', 1).limit(1, { referencedTable: 'project' }).order('id', { referencedTable: 'project' }), [{ id: 1, project: [{ id: 1 }] }]);
await data(api.from('client').select('id,project(id)').eq('id', 2).or('id.eq.4,id.eq.1', { referencedTable: 'project' }), [{ id: 2, project: [{ id: 4 }] }]);
await data(api.from('task').select('id,project(id,client(name))').eq('id', 5).single(), { id: 5, project: { id: 3, client: { name: 'Birch' } } });
await expect(api.from('client').select('id,nosuch(id)'), { code: 'PGRST200', status: 400, statusText: 'Bad Request' });

// Writing
await expect(api.from('mark').insert({ id: 10 }), { data: null, status: 201, statusText: 'Created' });
await expect(api.from('mark').insert([{ id: 11 }, { id: 12 }]).select(), { data: [{ id: 11 }, { id: 12 }], status: 201 });
await expect(api.from('mark').insert({ id: 13 }).select().single(), { data: { id: 13 }, status: 201 });
await expect(api.from('mark').insert({ id: 13 }), { code: '23505', status: 409, statusText: 'Conflict' });
await expect(api.from('mark').insert({ id: 14 }, { count: 'exact' }), { count: 1, status: 201 });
await expect(others.from('mark').select().gte('id', 10), { data: [] });
await data(api.from('voucher').insert([{ id: 30, worth: 3 }, { id: 31 }], { defaultToNull: false }).select('id,worth'), [{ id: 30, worth: 3 }, { id: 31, worth: 5 }]);
await expect(api.from('voucher').insert([{ id: 32, worth: 3 }, { id: 33 }]), { code: '23502', status: 400 });
await expect(api.from('voucher').insert({ id: 34, nosuch: 1 }), { code: 'PGRST204', status: 400 });
await expect(api.from('voucher').insert({ id: 34, worth: 0 }), { code: '23514', status: 400 });
await expect(api.from('project').insert({ id: 90, name: 'x', client_id: 99 }), { code: '23503', status: 409 });
await data(api.from('project').insert({ id: 91, name: 'x', client_id: 1 }).select('name,client(name)').single(), { name: 'x', client: { name: 'Acorn' } });
await expect(api.from('project').delete().eq('id', 91), { data: null, status: 204, statusText: 'No Content' });
await expect(api.from('language').upsert({ name: 'Basic', rank: 21 }), { data: null, status: 200 });
await expect(api.from('language').upsert({ name: 'Elm', rank: 1 }).select(), { data: [{ name: 'Elm', rank: 1 }], status: 201 });
await data(api.from('language').upsert([{ name: 'Basic', rank: 22 }, { name: 'Lua', rank: 2 }]).select('name').order('name'), [{ name: 'Basic' }, { name: 'Lua' }]);
await data(api.from('language').upsert({ name: 'Basic', rank: 99 }, { ignoreDuplicates: true }).select(), []);
await data(api.from('voucher').upsert({ id: 1, code: 'spring', series: 1, worth: 12 }, { onConflict: 'code,series' }).select('id,worth').single(), { id: 1, worth: 12 });
await data(others.from('language').select('rank').eq('name', 'Basic').single(), { rank: 2 });
await expect(api.from('language').update({ rank: 30 }).eq('name', 'Basic'), { data: null, status: 204 });
await expect(api.from('language').update({ rank: 31 }).eq('name', 'Basic').select(), { data: [{ name: 'Basic', rank: 31 }], status: 200 });
await data(api.from('language').update({ rank: 32 }).eq('name', 'Basic').select('rank').single(), { rank: 32 });
await expect(api.from('language').update({ rank: 1 }, { count: 'exact' }).in('name', ['Basic', 'Elm']), { count: 2, status: 204 });
await expect(api.from('language').update({ rank: 1 }).gt('rank', 0).select().single(), { code: 'PGRST116', status: 406 });
await data(api.from('language').update({ rank: 1 }).eq('name', 'BRAVO Ada').select(), []);
await expect(api.from('language').update({ rank: 1 }).gte('rank', 0).maxAffected(1), { code: 'PGRST124', status: 400 });
await expect(api.from('language').update({ rank: 1 }), { code: '21000', status: 400 });
await data(api.from('language').delete().eq('name', 'Elm').select('name'), [{ name: 'Elm' }]);
await expect(api.from('language').delete({ count: 'exact' }).eq('name', 'Lua'), { count: 1, status: 204 });
await expect(api.from('mark').delete().gte('id', 10), { data: null, status: 204 });
await data(api.from('mark').delete().gte('id', 10).select(), []);
await expect(api.from('country').insert({ code: 'XX', name: 'x' }), { code: '42501', status: 403, statusText: 'Forbidden' });

// Functions
await data(api.rpc('add_up', { a: 1, b: 2 }), 3);
await data(api.rpc('add_up', { a: 1, b: 2 }, { get: true }), 3);
await data(api.rpc('nothing_taken'), 'nothing');
await data(api.rpc('greet', { name: 'Ann' }), 'Hello, Ann');
await expect(api.rpc('no_answer', { a: 1 }), { data: null, status: 204 });
await data(api.rpc('total_of', { numbers: [1, 2, 3] }, { get: true }), 6);
await data(api.rpc('total_of', { numbers: [1, 2, 3] }), 6);
await data(api.rpc('count_all', { items: ['a', 'b'] }), 2);
await data(api.rpc('numbers', { upto: 3 }), [1, 2, 3]);
await data(api.rpc('pairs', { upto: 3 }).select('word').gt('n', 1).order('n', { ascending: false }).limit(1), [{ word: 'w3' }]);
await expect(api.rpc('pairs', { upto: 3 }, { count: 'exact' }).limit(1), { count: 3, status: 206 });
await expect(api.rpc('pairs', { upto: 3 }, { head: true, count: 'exact' }), { count: 3, data: null });
await data(api.rpc('clients_since', { first: 2 }).select('name,project(id)').eq('id', 3).single(), { name: 'Cedar', project: [] });
await data(others.rpc('client_names').eq('id', 1), [{ id: 1, name: 'BRAVO Acorn' }]);
await expect(api.rpc('pairs', { upto: 3 }).single(), { code: 'PGRST116', status: 406 });
await expect(api.rpc('nosuch'), { code: 'PGRST202', status: 404, statusText: 'Not Found' });
await expect(api.rpc('pick', { kind: 1 }), { code: 'PGRST203', status: 300, statusText: 'Multiple Choices' });
await expect(api.rpc('raise_plain'), { code: 'P0001', status: 400 });
await expect(api.rpc('raise_status', { status: '402' }), { code: 'PT402', status: 402, statusText: 'Payment Required' });
await data(api.rpc('add_mark', { id: 20 }), 20);
await expect(api.rpc('add_mark', { id: 21 }, { get: true }), { code: '25006', status: 405, statusText: 'Method Not Allowed' });
await data(api.rpc('remove_marks').select('id').eq('id', 20), [{ id: 20 }]);
await expect(api.rpc('pairs', { upto: 3 }).maxAffected(2), { code: 'PGRST124' });

// The rest
await expect(api.from('nosuch').select(), { code: 'PGRST205', status: 404, statusText: 'Not Found' });
await expect(api.from('client').select('nosuch'), { code: '42703', status: 400 });
await expect(api.from('client').select('tenant_id'), { code: '42703', status: 400 }, true);
await expect(api.from('client').select().eq('id', 'x'), { code: '22P02', status: 400 });
await expect(api.schema('public').from('client').select('id').eq('id', 1), { data: [{ id: 1 }] });
await expect(api.schema('catalog').from('tenant').select(), { code: 'PGRST106', status: 406 });
await expect(client('nonsense').from('client').select(), { status: 401, statusText: 'Unauthorized', code: 'BLK301' });
assert.match(await api.from('client').select('id,name').eq('id', 1).csv().then((answer) => (++calls, answer.data)), /^id,name\n1,Acorn/);
await assert.rejects(async () => { ++calls; await api.from('client').select().eq('id', 9).single().throwOnError(); }, { code: 'PGRST116' });

console.log(`calls: ${calls}`);

// The console's page of an operation, as an operator has it before her while the operation goes: a tenant that is deleted for good,
// a move as its mover tells of it, and a real one. Each line that is told is a step that was seen to work; the first that is not ends the test.
//
//   node console_page.mjs PORT [FOLDER FOR SCREENSHOTS]
//   DATA is the server's data folder, BULKHEAD the program, PSQL psql.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chromium } from 'playwright-core';

const [port, folder] = process.argv.slice(2);
const { DATA: data, BULKHEAD: bulkhead, PSQL: psql } = process.env;
const origin = `http://localhost:${port}`;
const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';

const command = (...words) => execFileSync(bulkhead, [...words, '--data', data], { encoding: 'utf8' }).trim();
/** As whoever works on an operation writes how far it is. */
const sql = text => execFileSync(psql, ['-XqAt', '-v', 'ON_ERROR_STOP=1', '-h', `${data}/postgres/socket`, '-U', 'bulkhead_admin', '-d', 'bulkhead', '-c', text], { encoding: 'utf8' }).trim();
const control = async (method, path, token, body) => {
  const headers = { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' };
  const response = await fetch(`${origin}/control/v1${path}`, { method, headers, body: body && JSON.stringify(body) });
  assert.ok(response.ok, `${method} ${path}: ${response.status} ${await response.clone().text()}`);
  return response.json();
};

/** Chromium's sandbox does not work for root. */
const browser = await chromium.launch({ executablePath, args: process.getuid() === 0 ? ['--no-sandbox'] : [] });
const told = what => console.log(what);
let page;
const complaints = [], elsewhere = [], addresses = [];

async function open(address) {
  const context = await browser.newContext({ locale: 'en-GB' });
  context.setDefaultTimeout(20_000);
  page = await context.newPage();
  page.on('console', line => line.type() === 'error' && complaints.push(line.text()));
  page.on('pageerror', error => complaints.push(String(error)));
  page.on('request', request => {
    addresses.push(request.url());
    if (!request.url().startsWith('data:') && new URL(request.url()).port !== port) elsewhere.push(request.url());
  });
  await page.goto(address);
}

const shown = name => page.locator(`#${name}`);
const says = (name, text) => shown(name).filter({ hasText: text }).waitFor();
const currentStep = () => page.locator('#steps [aria-current=step]');
const progress = value => sql(`update catalog.operation set progress = '${JSON.stringify(value)}' where id = '${moved}'`);
let moved;

try {
  const token = command('token', '--operator', '--user', 'ann');

  // A real operation: the server's housekeeping deletes the tenant while the page is open.
  await control('POST', '/tenants', token, { slug: 'orchard' });
  const { id: deleted } = await control('DELETE', '/tenants/orchard?grace=2', token);
  await open(`${origin}/console/operations/${deleted}`);
  await page.getByText('A token says who you are').waitFor();
  assert.equal(await shown('operation').isVisible(), false);
  await page.getByLabel('Operator’s token').fill(`${token}x`);
  await page.getByRole('button', { name: 'Follow' }).click();
  await says('message', '401:');
  await page.getByLabel('Operator’s token').fill(token);
  await page.getByRole('button', { name: 'Follow' }).click();
  await page.getByRole('heading', { name: 'delete of orchard' }).waitFor();
  await says('state', 'pending');
  await says('link', 'live');
  assert.equal(await shown('caller').isVisible(), false);
  told('a token that does not verify is refused, an operator’s shows the operation');
  await shown('state').filter({ hasText: 'done' }).waitFor({ timeout: 90_000 });
  await says('link', 'ended');
  assert.equal(await page.locator('#steps li:not([data-at=done])').count(), 0);
  assert.match(await page.title(), /^done: /);
  told('a deletion is seen to begin and to end, without the page being loaded again');

  // A move, of which every figure is shown as it changes.
  moved = sql(`insert into catalog.operation(kind, subject, state, step, steps_total, steps_done, due, actor)
    values ('move', 'acme <b>', 'running', 'copy', 7, 1, now() + interval '1 day', 'os:test') returning id`);
  let cut = 2;
  await page.route('**/events', route => (cut-- > 0 ? route.abort() : route.continue()));
  await page.goto(`${origin}/console/operations/${moved}`);
  await page.getByRole('heading', { name: 'move of acme <b>', exact: true }).waitFor();
  assert.ok(cut < 0);
  told('within the tab the token is known; a name is a text and no markup; what fails is asked for again');
  assert.equal(await shown('rows').isVisible(), false);
  progress({ phase: 'copy', rows_done: 25_000, rows_total: 100_000, bytes_done: 3 << 20, rows_per_s: 5_000, tables: [{ name: 'artist', rows: 25_000, done: true }, { name: 'album', rows: 75_000, done: 10 }] });
  await says('rate', '5,000 rows/s');
  await says('left', '15 s');
  await says('copied', '25,000 of 100,000 rows, 3 MiB');
  assert.equal(await currentStep().innerText(), 'copy');
  assert.equal(await shown('bar').evaluate(bar => bar.position), 0.25);
  assert.deepEqual(await page.locator('#each-table tr').allInnerTexts(), ['artist\t25,000\t✓', 'album\t75,000\t10']);
  progress({ phase: 'catch_up', rows_done: 100_000, rows_total: 100_000, lag_bytes: 4096 });
  await says('lag', '4 KiB');
  assert.equal(await currentStep().innerText(), 'catch up');
  assert.equal(await shown('rate').isVisible(), false);
  for (const phase of ['verify', 'fence', 'switch']) {
    progress({ phase, lag_bytes: 0 });
    await currentStep().filter({ hasText: phase }).waitFor();
  }
  progress({ phase: 'clean', pause_ms: 12.34 });
  await says('pause', '12.3 ms');
  assert.equal(await page.locator('#steps [data-at=done]').count(), 6);
  told('phases, rows, rate, time left, lag and pause change live');

  sql(`update catalog.operation set state = 'pending', error = 'cell south is away → look at it' where id = '${moved}'`);
  await says('error', 'cell south is away');
  assert.equal(await shown('hint').innerText(), 'look at it');
  sql(`update catalog.operation set state = 'running', error = '', progress = '{}' where id = '${moved}'`);
  await says('state', 'running');
  assert.equal(await shown('failure').isVisible(), false);
  sql(`update catalog.operation set state = 'failed', step = 'switch', error = 'no way' where id = '${moved}'`);
  await says('error', 'no way');
  await says('link', 'ended');
  told('an error is shown with what to do, and gone when it has passed');

  // A real move, as its command does it, of a tenant that is written to meanwhile.
  const rows = 20_000;
  const { id: caravan } = await control('POST', '/tenants', token, { slug: 'caravan' });
  sql(`insert into app.artist (tenant_id, artist_id, name) select '${caravan}', n, repeat('x', 100) from generate_series(1, ${rows}) n`);
  const mover = spawn(bulkhead, ['move', 'caravan', '--to', 'schema', '--max-rate', '400kB', '--data', data], { stdio: ['ignore', 'ignore', 'pipe'] });
  let words = '';
  mover.stderr.on('data', piece => (words += piece));
  const ended = once(mover, 'exit');
  let goes;
  while (!(goes = (await control('GET', `/operations?kind=move&tenant=${caravan}`, token)).items[0])) assert.equal(mover.exitCode, null, words);
  await open(`${origin}/console/operations/${goes.id}`);
  await page.getByLabel('Operator’s token').fill(token);
  await page.getByRole('button', { name: 'Follow' }).click();
  await page.getByRole('heading', { name: 'move of caravan' }).waitFor();
  await page.evaluate(() => {
    window.seen = { steps: [], rows: [] };
    const note = (list, text) => text && list.at(-1) !== text && list.push(text);
    new MutationObserver(() => {
      note(window.seen.steps, document.querySelector('#steps [aria-current=step]')?.textContent);
      note(window.seen.rows, document.getElementById('copied').textContent);
    }).observe(document.getElementById('operation'), { subtree: true, childList: true });
  });
  await currentStep().filter({ hasText: 'copy' }).waitFor();
  await says('rate', /[1-9][\d,]* rows\/s/);
  await says('left', /^\d+ s$/);
  sql(`update app.artist set name = repeat('y', 100) where tenant_id = '${caravan}'`);
  await currentStep().filter({ hasText: 'catch up' }).waitFor();
  await says('lag', /[1-9].* [KM]iB/);
  await shown('state').filter({ hasText: 'done' }).waitFor({ timeout: 60_000 });
  await says('link', 'ended');
  assert.match(await shown('pause').innerText(), /^[\d,.]*[1-9][\d,.]* ms$/);
  assert.equal(await page.locator('#steps li:not([data-at=done])').count(), 0);
  assert.equal(await shown('failure').isVisible(), false);
  assert.match(await shown('copied').innerText(), /^20,0\d\d of /);
  const seen = await page.evaluate(() => window.seen);
  const order = ['prepare', 'copy', 'catch up', 'verify', 'fence', 'switch'];
  const steps = seen.steps.filter((step, at) => seen.steps.indexOf(step) === at).map(step => order.indexOf(step));
  assert.deepEqual(steps, [...steps].sort(), seen.steps.join());
  const copied = seen.rows.map(text => Number(text.split(' ')[0].replaceAll(',', '')));
  assert.deepEqual(copied, [...copied].sort((a, b) => a - b));
  assert.ok(new Set(copied).size > 3, seen.rows.join());
  const [code] = await ended;
  assert.equal(code, 0, words);
  assert.equal((await control('GET', '/tenants/caravan', token)).model, 'schema');
  assert.match(await page.title(), /^done: /);
  told(`a real move is seen to copy ${rows} rows, to catch up and to arrive, with its rate, its lag and its pause`);

  // Signing in: the development issuer's member ann is the operator.
  await open(`${origin}/console/operations/${deleted}`);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('button', { name: 'ann' }).first().click();
  await page.getByRole('heading', { name: 'delete of orchard' }).waitFor();
  assert.equal(page.url(), `${origin}/console/operations/${deleted}`);
  told('who is a member and an operator signs in at the development issuer');
  await open(`${origin}/console/operations/${deleted}`);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('button', { name: 'vera' }).first().click();
  await says('message', '403: only operators may use the control API');
  assert.equal(await shown('operation').isVisible(), false);
  told('a member who is no operator sees nothing');

  assert.deepEqual(elsewhere, [], 'no other server was asked');
  assert.equal(addresses.some(address => address.includes(token.slice(0, 20))), false, 'the token stands in no address');
  assert.deepEqual(complaints.filter(line => !/40[13]|ERR_FAILED/.test(line)), [], 'nothing was complained of in the browser');
} catch (error) {
  console.error(complaints, await page?.locator('body').innerText().catch(() => ''));
  if (folder) await page?.screenshot({ path: `${folder}/console.png`, fullPage: true }).catch(() => {});
  throw error;
} finally {
  await browser.close();
}

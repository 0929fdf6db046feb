// The page at /docs as two people use it: Ann, who may write, and Vera, who may not. Each line that is told is a step that was
// seen to work; the first that is not ends the test.
//
//   node docs_page.mjs PORT [FOLDER FOR SCREENSHOTS]
import assert from 'node:assert/strict';
import { chromium } from 'playwright-core';

const [port, folder] = process.argv.slice(2);
const origin = `http://acme.localhost:${port}`;
const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
/** Chromium's sandbox does not work for root. */
const browser = await chromium.launch({ executablePath, args: process.getuid() === 0 ? ['--no-sandbox'] : [] });

async function at(name) {
  const context = await browser.newContext({ locale: 'en-GB' });
  context.setDefaultTimeout(30_000);
  const page = await context.newPage();
  page.complaints = [];
  page.elsewhere = [];
  // What the page's policy forbids, or a script that fails, is told here and nowhere else.
  page.on('console', line => line.type() === 'error' && page.complaints.push(line.text()));
  page.on('pageerror', error => page.complaints.push(String(error)));
  page.on('request', request => !/^(data|blob):/.test(request.url()) && !request.url().startsWith(origin) && page.elsewhere.push(request.url()));
  await page.goto(`${origin}/docs`);
  await page.getByText('A token says who you are').waitFor();
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('button', { name }).click();
  await page.getByText('OAS 3.1').waitFor();
  return page;
}

/** The block of an operation, by what its id in the page ends with. */
const operation = (page, id) => page.locator(`.opblock[id$="${id}"]`);

const told = what => console.log(what);
const pages = [];
try {
  const ann = await at('ann');
  pages.push(ann);
  told('Ann signs in at the development issuer and sees the document');

  await operation(ann, 'list_artist').locator('.opblock-summary-control').click();
  await operation(ann, 'list_artist').getByRole('button', { name: 'Try it out' }).click();
  await operation(ann, 'list_artist').locator('tr[data-param-name="limit"] input').fill('2');
  await operation(ann, 'list_artist').getByRole('button', { name: 'Execute' }).click();
  await operation(ann, 'list_artist').locator('.live-responses-table .response-col_status', { hasText: '200' }).waitFor();
  const shown = await operation(ann, 'list_artist').locator('.live-responses-table').innerText();
  assert.match(shown, /"artist_id": \d+/);
  const asked = await operation(ann, 'list_artist').locator('.request-url').innerText();
  assert.ok(asked.includes(`${origin}/rest/v1/artist?limit=2`), asked);
  told('a request is tried, with her token, and answered with rows');

  assert.equal(await operation(ann, 'insert_artist').count(), 1);
  assert.equal(await operation(ann, 'post_v1_checkout').count(), 1);
  assert.equal((await ann.content()).includes('tenant_id'), false);

  await ann.getByLabel('Document').selectOption('/control/v1/openapi.json');
  await ann.getByText('403: only operators may use the control API').waitFor();
  told('the control API is for operators');
  assert.deepEqual(ann.complaints.filter(line => !line.includes('403')), [], 'nothing was complained of in her browser');

  const vera = await at('vera');
  pages.push(vera);
  await operation(vera, 'list_artist').waitFor();
  assert.equal(await operation(vera, 'insert_artist').count(), 0);
  assert.equal(await operation(vera, 'post_v1_checkout').count(), 0);
  assert.deepEqual(vera.complaints, []);
  told('Vera, who may not write, sees nothing that writes');
  assert.deepEqual([...ann.elsewhere, ...vera.elsewhere], [], 'no other server was asked');
} catch (error) {
  for (const [number, page] of pages.entries()) {
    console.error(page.complaints);
    if (folder) await page.screenshot({ path: `${folder}/docs-${number}.png`, fullPage: true }).catch(() => {});
  }
  throw error;
} finally {
  await browser.close();
}

// The sample product's page as two people use it at once: Ann at acme, Gus at globex. Each line that is told is a step that
// was seen to work; the first that is not ends the test.
//
//   node two_tenants.mjs PORT [FOLDER FOR SCREENSHOTS]
import assert from 'node:assert/strict';
import { chromium } from 'playwright-core';

const [port, folder] = process.argv.slice(2);
const origin = tenant => `http://${tenant}.localhost:${port}`;
const mark = `The ${Date.now()} Compartments`;
const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';

/** Chromium's sandbox does not work for root. */
const browser = await chromium.launch({ executablePath, args: process.getuid() === 0 ? ['--no-sandbox'] : [] });

class Person {
  static async at(tenant, name) {
    const person = new Person();
    person.tenant = tenant;
    person.context = await browser.newContext({ locale: 'en-GB' });
    person.context.setDefaultTimeout(30_000);
    person.page = await person.context.newPage();
    person.complaints = [];
    // What the page's policy forbids, or a script that fails, is told here and nowhere else.
    person.page.on('console', line => line.type() === 'error' && person.complaints.push(line.text()));
    person.page.on('pageerror', error => person.complaints.push(String(error)));
    await person.signIn(name);
    return person;
  }

  async signIn(name) {
    await this.page.goto(origin(this.tenant));
    await this.page.getByRole('button', { name: 'Sign in' }).click();
    await this.page.getByRole('heading', { name: 'Who signs in?' }).waitFor();
    this.offered = await this.page.getByRole('button').allInnerTexts();
    await this.page.getByRole('button', { name }).click();
    await this.page.getByLabel('Tenant').getByText(this.tenant).waitFor();
  }

  async open(menu) {
    await this.page.getByRole('menuitem', { name: menu }).click();
    await this.page.getByRole('heading', { name: menu }).or(this.page.locator('#react-admin-title', { hasText: menu })).first().waitFor();
  }

  row(text) {
    return this.page.getByRole('row').filter({ hasText: text });
  }

  async search(text) {
    await this.page.getByRole('textbox', { name: 'Search' }).or(this.page.getByPlaceholder('City or country')).first().fill(text);
  }

  /** Nothing of this is in the list, once the list has answered. */
  async lacks(text) {
    const answered = this.page.waitForResponse(response => response.url().includes('/rest/v1/') && response.url().includes('or='));
    await this.search(text);
    const response = await answered;
    assert.deepEqual(await response.json(), [], `${this.tenant} must not find ${text}`);
  }

  async save() {
    await this.page.getByRole('button', { name: 'Save' }).click();
  }

  async fill(label, text) {
    // Not by its label alone: a list's column has a button of the same name.
    await this.page.getByRole('textbox', { name: label }).fill(text);
  }

  /** Chooses by typing, as in a field that looks its choices up. */
  async choose(label, text) {
    const field = this.page.getByRole('combobox', { name: label }).last();
    await field.click();
    await field.fill(text);
    await this.page.getByRole('option', { name: text }).first().click();
  }

  /** Calls the API from the page, with the page's own token. */
  call(path, headers = {}) {
    return this.page.evaluate(
      async ([path, headers]) => {
        const key = Object.keys(sessionStorage).find(name => name.startsWith('oidc.user:'));
        const token = JSON.parse(sessionStorage.getItem(key)).access_token;
        const response = await fetch(path, { headers: { Authorization: `Bearer ${token}`, ...headers } });
        return { status: response.status, body: await response.text() };
      },
      [path, headers],
    );
  }
}

const told = what => console.log(what);
let ann, gus;
try {
  [ann, gus] = await Promise.all([Person.at('acme', 'ann'), Person.at('globex', 'gus')]);
  assert.ok(ann.offered.every(name => !name.startsWith('gus')), 'acme offers its own members alone');
  assert.ok(gus.offered.every(name => !name.startsWith('ann')), 'globex offers its own members alone');
  told('both sign in, each at the own tenant');

  await Promise.all([ann.open('Albums'), gus.open('Albums')]);
  await ann.row('Night Market').waitFor();
  assert.equal(await gus.row('Night Market').count(), 0);
  await ann.row('The Lantern Parade').first().waitFor();
  told('albums are listed with their artists, each tenant its own');

  await Promise.all([ann.open('Artists'), gus.open('Artists')]);
  await ann.page.getByRole('link', { name: 'Create' }).click();
  await ann.fill('Name', mark);
  await ann.save();
  await ann.search(mark);
  await ann.row(mark).waitFor();
  await gus.lacks(mark);
  told('an artist is made, found by a search for several words, and not there for the other tenant');

  await ann.open('Albums');
  await ann.page.getByRole('link', { name: 'Create' }).click();
  await ann.fill('Title', `${mark}, live`);
  await ann.choose('Artist', mark);
  await ann.save();
  await ann.search(`${mark}, live`);
  await ann.row(`${mark}, live`).click();
  await ann.fill('Title', `${mark}, unplugged`);
  await ann.save();
  await ann.search('unplugged');
  await ann.row(`${mark}, unplugged`).waitFor();
  await gus.open('Albums');
  await gus.lacks('unplugged');
  told('an album is made and edited, and not there for the other tenant');

  await ann.open('Artists');
  await ann.search(mark);
  await ann.row(mark).click();
  await ann.page.getByRole('button', { name: 'Delete' }).click();
  await ann.page.getByRole('button', { name: 'Confirm' }).click();
  const complaint = await ann.page.getByRole('alert').first().innerText();
  assert.match(complaint, /foreign key|still referenced|violates/i);
  ann.complaints = ann.complaints.filter(line => !line.includes('409'));
  told(`what the database refuses is told: ${complaint}`);

  await ann.open('Albums');
  await ann.search('unplugged');
  await ann.row('unplugged').click();
  await ann.page.getByRole('button', { name: 'Delete' }).click();
  await ann.page.getByRole('button', { name: 'Confirm' }).click();
  await ann.row('unplugged').waitFor({ state: 'detached' });
  const gone = await ann.call('/rest/v1/album?title=like.*unplugged');
  assert.deepEqual([gone.status, JSON.parse(gone.body)], [200, []]);
  told('an album is deleted');

  await Promise.all([ann.open('Customers'), gus.open('Customers')]);
  await ann.search('moreau');
  await ann.row('Ines Moreau').click();
  await ann.fill('Company', mark);
  await ann.save();
  await ann.search(mark);
  await ann.row('Ines Moreau').waitFor();
  await gus.lacks(mark);
  told('a customer is edited, and found by it');

  await ann.open('Invoices');
  await ann.page.getByRole('link', { name: 'Create' }).click();
  await ann.choose('Customer', 'Moreau');
  await ann.choose('Track', 'Garden No. 3');
  await ann.page.getByLabel('Quantity').last().fill('3');
  await ann.save();
  await ann.row('Garden No. 3').waitFor();
  await ann.page.getByText('5.97').first().waitFor();
  const invoice = Number(ann.page.url().match(/invoice\/(\d+)/)[1]);
  told('an invoice is made with its lines by the product\'s handler, and shown with them');

  await ann.page.getByRole('link', { name: 'Edit' }).first().click();
  await ann.row('Garden No. 3').getByRole('link', { name: 'Edit' }).click();
  await ann.page.getByLabel('Quantity').fill('4');
  await ann.save();
  await ann.row('Garden No. 3').getByRole('cell', { name: '4', exact: true }).waitFor();
  told('a line is edited');

  await ann.page.getByRole('link', { name: 'Add a line' }).click();
  await ann.choose('Track', 'River No. 2');
  await ann.page.getByRole('spinbutton', { name: 'Price' }).fill('0.99');
  await ann.save();
  await ann.row('River No. 2').getByRole('link', { name: 'Edit' }).click();
  await ann.page.getByRole('button', { name: 'Delete' }).click();
  await ann.page.getByRole('button', { name: 'Confirm' }).click();
  await ann.row('Garden No. 3').waitFor();
  assert.equal(await ann.row('River No. 2').count(), 0);
  told('a line is added and deleted, and the page is back at its invoice');

  await ann.open('Playlists');
  await ann.row('Evening').click();
  await ann.page.getByRole('link', { name: 'Add a track' }).click();
  await ann.choose('Track', 'Garden No. 3');
  await ann.save();
  await ann.row('Garden No. 3').getByRole('button', { name: 'Take out' }).click();
  await ann.page.getByRole('button', { name: 'Confirm' }).click();
  await ann.row('Garden No. 3').waitFor({ state: 'detached' });
  told('a row with a key of two columns is made and deleted');

  const own = await ann.call(`/rest/v1/invoice?invoice_id=eq.${invoice}`);
  assert.equal(own.status, 200);
  assert.equal(JSON.parse(own.body).length, 1);
  const crossed = await ann.call('/rest/v1/artist', { 'X-Tenant-ID': 'globex' });
  assert.ok(crossed.status >= 400 && crossed.status < 500, `${crossed.status}`);
  assert.ok(!crossed.body.includes('"name"'));
  ann.complaints = ann.complaints.filter(line => !line.includes(`${crossed.status}`));
  told(`acme's page with globex's header is refused: ${crossed.status}`);

  const token = await ann.page.evaluate(() => JSON.parse(sessionStorage.getItem(Object.keys(sessionStorage).find(name => name.startsWith('oidc.user:')))).access_token);
  const stolen = await gus.page.evaluate(async token => (await fetch('/rest/v1/artist', { headers: { Authorization: `Bearer ${token}` } })).status, token);
  assert.ok(stolen >= 400 && stolen < 500, `${stolen}`);
  gus.complaints = gus.complaints.filter(line => !line.includes(`${stolen}`));
  told(`acme's token at globex is refused: ${stolen}`);

  for (const person of [ann, gus]) assert.deepEqual(person.complaints, [], `${person.tenant}'s console`);
  told('no page complained');

  await ann.page.getByRole('button', { name: 'Profile' }).click();
  await ann.page.getByRole('menuitem', { name: 'Logout' }).click();
  await ann.page.getByRole('button', { name: 'Sign in' }).waitFor();
  await gus.open('Customers');
  told('one signs out, the other stays');
} catch (error) {
  for (const person of [ann, gus].filter(Boolean)) {
    console.error(`${person.tenant} is at ${person.page.url()}; its console: ${person.complaints.join(' | ') || 'nothing'}`);
    if (folder) await person.page.screenshot({ path: `${folder}/${person.tenant}.png`, fullPage: true });
  }
  throw error;
} finally {
  await browser.close();
}

// Is each of these files a valid OpenAPI 3.1 document? node validate.mjs FILE… [--rows SCHEMA FILE]…
// By the specification's own schema (@seriousme/openapi-schema-validator), by Redocly's rules of the specification (references
// that lead somewhere, ids that are there once, …), and its component schemas as JSON Schemas of 2020-12 (ajv).
// `--rows`: the JSON in this file is an array of what the schema of the last document describes.
import { readFileSync } from 'node:fs';
import { createConfig, lintFromString } from '@redocly/openapi-core';
import { Validator } from '@seriousme/openapi-schema-validator';
import Ajv2020 from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';

const faults = [];

async function validate(file) {
  const text = readFileSync(file, 'utf8');
  const document = JSON.parse(text);
  const official = new Validator();
  const { valid, errors } = await official.validate(structuredClone(document));
  if (!valid) faults.push(`${file}: ${JSON.stringify(errors, null, 1)}`);
  if (official.version !== '3.1') faults.push(`${file}: it was taken for version ${official.version}`);
  const config = await createConfig({ extends: ['spec'] });
  for (const problem of await lintFromString({ source: text, config }))
    faults.push(`${file}: ${problem.ruleId}: ${problem.message} at ${problem.location[0]?.pointer}`);
  // PostgreSQL's types without a format of JSON Schema's are named by themselves, which says nothing of their values.
  const ajv = new Ajv2020({ strict: false, logger: false });
  addFormats(ajv);
  ajv.addSchema({ $id: 'document', components: document.components });
  const schema = name => ajv.compile({ $ref: `document#/components/schemas/${name}` });
  for (const name of Object.keys(document.components.schemas)) schema(name);
  return schema;
}

let schema;
const given = process.argv.slice(2);
for (let i = 0; i < given.length; ++i) {
  if (given[i] !== '--rows') {
    schema = await validate(given[i]);
    continue;
  }
  const check = schema(given[++i]);
  const rows = JSON.parse(readFileSync(given[++i], 'utf8'));
  if (rows.length === 0) faults.push(`${given[i]} has no rows`);
  for (const row of rows) if (!check(row)) faults.push(`${given[i]}: ${JSON.stringify(check.errors)}: ${JSON.stringify(row)}`);
}
for (const fault of faults) console.log(fault);
console.log(`faults: ${faults.length}`);
process.exitCode = faults.length === 0 ? 0 : 1;

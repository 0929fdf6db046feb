// Puts together what is served at /docs: Swagger UI as npm has it, and the page around it.
import { copyFile, mkdir, rm } from 'node:fs/promises';

const from = 'node_modules/swagger-ui-dist';
await rm('dist', { recursive: true, force: true });
await mkdir('dist');
for (const file of ['swagger-ui-bundle.js', 'swagger-ui.css', 'LICENSE', 'NOTICE']) await copyFile(`${from}/${file}`, `dist/${file}`);
for (const file of ['index.html', 'docs.css', 'docs.js']) await copyFile(`src/${file}`, `dist/${file}`);

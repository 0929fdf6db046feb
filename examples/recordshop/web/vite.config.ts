import { defineConfig } from 'vite';

// `npm run dev` serves the sources at port 5173 and leaves the API and the sign-in to a running `bulkhead dev`.
// The Host header stays as it is: acme.localhost:5173 is acme there, too.
const api = { target: process.env.BULKHEAD_URL ?? 'http://127.0.0.1:8080', changeOrigin: false };

export default defineConfig({
  server: { proxy: { '/rest': api, '/v1': api, '/dev/issuer': api } },
  build: { target: 'es2022', chunkSizeWarningLimit: 2000 },
});

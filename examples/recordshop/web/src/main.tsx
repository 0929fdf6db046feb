import { createRoot } from 'react-dom/client';
import { App } from './App';
import { loadSignIn } from './signIn';

// React's strict mode would redeem the code of a sign-in twice, and a code is good once.
const root = createRoot(document.getElementById('root')!);
loadSignIn().then(
  signIn => root.render(<App signIn={signIn} />),
  (error: unknown) => root.render(<p role="alert">The page cannot start: {String(error)}</p>),
);

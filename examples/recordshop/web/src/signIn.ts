import { UserManager, type User, type UserManagerSettings } from 'oidc-client-ts';
import type { AuthProvider } from 'react-admin';

/** Who is signed in, for react-admin and for the API's client. */
export interface SignIn {
  authProvider: AuthProvider;
  accessToken(): Promise<string | undefined>;
  tenant(): Promise<string>;
}

/**
 * Reads /sign-in.json: the settings of an OpenID Connect client, as oidc-client-ts names them. As it comes, it names the
 * development issuer; with `authority` and `client_id` of another provider the page signs in there.
 */
export async function loadSignIn(): Promise<SignIn> {
  const response = await fetch('/sign-in.json');
  if (!response.ok) throw new Error(`/sign-in.json: ${response.status} ${response.statusText}`);
  const settings = (await response.json()) as UserManagerSettings;
  return signInWith(
    new UserManager({
      ...settings,
      authority: new URL(settings.authority, location.origin).href,
      redirect_uri: `${location.origin}/auth-callback`,
      post_logout_redirect_uri: location.origin,
      automaticSilentRenew: false,
    }),
  );
}

function signInWith(manager: UserManager): SignIn {
  const current = async (): Promise<User | undefined> => {
    const user = await manager.getUser();
    return user && !user.expired ? user : undefined;
  };

  const authProvider: AuthProvider = {
    login: () => manager.signinRedirect({ nonce: crypto.randomUUID() }),

    handleCallback: async () => {
      await manager.signinRedirectCallback();
      return { redirectTo: '/' };
    },

    checkAuth: async () => {
      if (!(await current())) throw new Error('Please sign in');
    },

    // 403 is about one action of somebody who is signed in all the same.
    checkError: async (error: { status?: number }) => {
      if (error.status === 401) throw error;
    },

    logout: async () => {
      const user = await manager.getUser();
      await manager.removeUser();
      if (user && (await manager.metadataService.getEndSessionEndpoint())) {
        await manager.signoutRedirect({ id_token_hint: user.id_token });
      }
    },

    getIdentity: async () => {
      const user = await current();
      if (!user) throw new Error('Nobody is signed in');
      return { id: user.profile.sub, fullName: user.profile.name ?? user.profile.sub };
    },

    getPermissions: async () => undefined,
  };

  return {
    authProvider,
    accessToken: async () => (await current())?.access_token,
    tenant: async () => {
      const claim = (await current())?.profile.tenant;
      return typeof claim === 'string' ? claim : location.hostname.split('.')[0];
    },
  };
}

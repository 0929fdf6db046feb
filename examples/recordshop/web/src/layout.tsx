import { Button, Card, CardContent, Chip, Typography } from '@mui/material';
import { useEffect, useState } from 'react';
import { AppBar, Layout, TitlePortal, useLogin, useNotify, type LayoutProps } from 'react-admin';
import type { SignIn } from './signIn';

/** Whose data this is stands in the bar of every page. */
export function ShopLayout(signIn: SignIn) {
  const Bar = () => {
    const [tenant, setTenant] = useState('');
    useEffect(() => {
      signIn.tenant().then(setTenant, () => setTenant(''));
    }, []);
    return (
      <AppBar>
        <TitlePortal />
        <Chip label={tenant} color="default" sx={{ color: 'inherit', mr: 1 }} aria-label="Tenant" />
      </AppBar>
    );
  };
  return (props: LayoutProps) => <Layout {...props} appBar={Bar} />;
}

export function SignInPage() {
  const login = useLogin();
  const notify = useNotify();
  const start = () => login({}).catch((error: Error) => notify(error.message, { type: 'error' }));
  return (
    <Card sx={{ maxWidth: 360, mx: 'auto', mt: 12 }}>
      <CardContent sx={{ textAlign: 'center' }}>
        <Typography variant="h5" component="h1" gutterBottom>
          Record shop
        </Typography>
        <Typography sx={{ mb: 2 }}>{location.hostname}</Typography>
        <Button variant="contained" onClick={start}>
          Sign in
        </Button>
      </CardContent>
    </Card>
  );
}

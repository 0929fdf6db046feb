import { Admin, Resource } from 'react-admin';
import { BrowserRouter } from 'react-router-dom';
import { useMemo } from 'react';
import { AlbumCreate, AlbumEdit, AlbumList } from './albums';
import { dataProviderFor } from './api';
import { ArtistCreate, ArtistEdit, ArtistList } from './artists';
import { CustomerCreate, CustomerEdit, CustomerList } from './customers';
import { InvoiceCreate, InvoiceEdit, InvoiceLineCreate, InvoiceLineEdit, InvoiceList, InvoiceShow } from './invoices';
import { ShopLayout, SignInPage } from './layout';
import { PlaylistCreate, PlaylistEdit, PlaylistList, PlaylistTrackCreate } from './playlists';
import { nameOf } from './shared';
import type { SignIn } from './signIn';

export function App({ signIn }: { signIn: SignIn }) {
  const dataProvider = useMemo(() => dataProviderFor(signIn), [signIn]);
  return (
    <BrowserRouter>
      <Admin
        title="Record shop"
        authProvider={signIn.authProvider}
        dataProvider={dataProvider}
        layout={ShopLayout(signIn)}
        loginPage={SignInPage}
        requireAuth
        disableTelemetry
      >
        <Resource name="album" options={{ label: 'Albums' }} list={AlbumList} edit={AlbumEdit} create={AlbumCreate} recordRepresentation="title" />
        <Resource name="artist" options={{ label: 'Artists' }} list={ArtistList} edit={ArtistEdit} create={ArtistCreate} recordRepresentation="name" />
        <Resource
          name="customer"
          options={{ label: 'Customers' }}
          list={CustomerList}
          edit={CustomerEdit}
          create={CustomerCreate}
          recordRepresentation={nameOf}
        />
        <Resource name="invoice" options={{ label: 'Invoices' }} list={InvoiceList} show={InvoiceShow} edit={InvoiceEdit} create={InvoiceCreate} />
        <Resource name="playlist" options={{ label: 'Playlists' }} list={PlaylistList} edit={PlaylistEdit} create={PlaylistCreate} recordRepresentation="name" />
        <Resource name="invoice_line" edit={InvoiceLineEdit} create={InvoiceLineCreate} />
        <Resource name="playlist_track" create={PlaylistTrackCreate} />
        <Resource name="track" recordRepresentation="name" />
        <Resource name="genre" recordRepresentation="name" />
      </Admin>
    </BrowserRouter>
  );
}

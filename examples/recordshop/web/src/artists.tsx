import { Create, Datagrid, Edit, List, NumberField, SimpleForm, TextField, TextInput, required } from 'react-admin';
import { FormToolbar, search } from './shared';

export const ArtistList = () => (
  <List filters={search} sort={{ field: 'name', order: 'ASC' }} queryOptions={{ meta: { columns: 'artist_id,name,albums:album(count)' } }}>
    <Datagrid rowClick="edit" bulkActionButtons={false}>
      <TextField source="name" />
      <NumberField source="albums[0].count" label="Albums" sortable={false} />
    </Datagrid>
  </List>
);

const fields = <TextInput source="name" validate={required()} fullWidth />;

export const ArtistEdit = () => (
  <Edit mutationMode="pessimistic" redirect="list">
    <SimpleForm toolbar={<FormToolbar />}>{fields}</SimpleForm>
  </Edit>
);

export const ArtistCreate = () => (
  <Create redirect="list">
    <SimpleForm>{fields}</SimpleForm>
  </Create>
);

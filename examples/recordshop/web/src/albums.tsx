import {
  AutocompleteInput,
  Create,
  Datagrid,
  Edit,
  FunctionField,
  List,
  NumberField,
  ReferenceField,
  ReferenceInput,
  ReferenceManyField,
  SimpleForm,
  TextField,
  TextInput,
  required,
} from 'react-admin';
import { FormToolbar, search } from './shared';

const filters = [
  ...search,
  <ReferenceInput key="artist" source="artist_id" reference="artist">
    <AutocompleteInput label="Artist" filterToQuery={q => ({ q })} />
  </ReferenceInput>,
];

const fields = (
  <>
    <TextInput source="title" validate={required()} fullWidth />
    <ReferenceInput source="artist_id" reference="artist" sort={{ field: 'name', order: 'ASC' }}>
      <AutocompleteInput label="Artist" filterToQuery={q => ({ q })} validate={required()} fullWidth />
    </ReferenceInput>
  </>
);

export const AlbumList = () => (
  <List filters={filters} sort={{ field: 'title', order: 'ASC' }} queryOptions={{ meta: { columns: '*,artist(name)' } }}>
    <Datagrid rowClick="edit" bulkActionButtons={false}>
      <TextField source="title" />
      <TextField source="artist.name" label="Artist" sortable={false} />
    </Datagrid>
  </List>
);

export const AlbumEdit = () => (
  <Edit mutationMode="pessimistic" redirect="list">
    <SimpleForm toolbar={<FormToolbar />}>
      {fields}
      <ReferenceManyField reference="track" target="album_id" sort={{ field: 'track_id', order: 'ASC' }}>
        <Datagrid rowClick={false} bulkActionButtons={false}>
          <TextField source="name" label="Track" />
          <ReferenceField source="genre_id" reference="genre" link={false} label="Genre" />
          <FunctionField label="Length" render={track => length(track.milliseconds)} />
          <NumberField source="unit_price" label="Price" options={{ minimumFractionDigits: 2 }} />
        </Datagrid>
      </ReferenceManyField>
    </SimpleForm>
  </Edit>
);

export const AlbumCreate = () => (
  <Create redirect="list">
    <SimpleForm>{fields}</SimpleForm>
  </Create>
);

function length(milliseconds: number): string {
  const seconds = Math.round(milliseconds / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}

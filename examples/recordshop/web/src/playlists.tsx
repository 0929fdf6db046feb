import {
  AutocompleteInput,
  Create,
  CreateButton,
  Datagrid,
  DeleteButton,
  Edit,
  List,
  NumberField,
  ReferenceField,
  ReferenceInput,
  ReferenceManyField,
  SimpleForm,
  TextField,
  TextInput,
  required,
  useRecordContext,
} from 'react-admin';
import { FormToolbar, backTo, search } from './shared';

const fields = <TextInput source="name" validate={required()} fullWidth />;

export const PlaylistList = () => (
  <List filters={search} sort={{ field: 'name', order: 'ASC' }} queryOptions={{ meta: { columns: '*,tracks:playlist_track(count)' } }}>
    <Datagrid rowClick="edit" bulkActionButtons={false}>
      <TextField source="name" />
      <NumberField source="tracks[0].count" label="Tracks" sortable={false} />
    </Datagrid>
  </List>
);

const AddTrack = () => {
  const playlist = useRecordContext();
  return <CreateButton resource="playlist_track" label="Add a track" state={{ record: { playlist_id: playlist?.playlist_id } }} />;
};

export const PlaylistEdit = () => (
  <Edit mutationMode="pessimistic" redirect="list">
    <SimpleForm toolbar={<FormToolbar />}>
      {fields}
      <ReferenceManyField reference="playlist_track" target="playlist_id" sort={{ field: 'track_id', order: 'ASC' }}>
        <Datagrid rowClick={false} bulkActionButtons={false}>
          <ReferenceField source="track_id" reference="track" link={false} label="Track" />
          <DeleteButton mutationMode="pessimistic" redirect={false} label="Take out" />
        </Datagrid>
      </ReferenceManyField>
      <AddTrack />
    </SimpleForm>
  </Edit>
);

export const PlaylistCreate = () => (
  <Create redirect="list">
    <SimpleForm>{fields}</SimpleForm>
  </Create>
);

/** A row that is nothing but its key: playlist and track. */
export const PlaylistTrackCreate = () => (
  <Create redirect={backTo('playlist')} title="Add a track">
    <SimpleForm>
      <ReferenceInput source="track_id" reference="track" sort={{ field: 'name', order: 'ASC' }}>
        <AutocompleteInput label="Track" filterToQuery={q => ({ q })} validate={required()} fullWidth />
      </ReferenceInput>
    </SimpleForm>
  </Create>
);

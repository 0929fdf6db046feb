import {
  ArrayField,
  ArrayInput,
  AutocompleteInput,
  Create,
  CreateButton,
  Datagrid,
  DateField,
  DateTimeInput,
  Edit,
  EditButton,
  FunctionField,
  Labeled,
  List,
  NumberField,
  NumberInput,
  ReferenceField,
  ReferenceInput,
  ReferenceManyField,
  SearchInput,
  Show,
  SimpleForm,
  SimpleFormIterator,
  SimpleShowLayout,
  TextField,
  TextInput,
  minValue,
  required,
  useRecordContext,
} from 'react-admin';
import { FormToolbar, backTo, nameOf } from './shared';

const money = { minimumFractionDigits: 2 };

const customerInput = (
  <ReferenceInput source="customer_id" reference="customer" sort={{ field: 'last_name', order: 'ASC' }}>
    <AutocompleteInput label="Customer" optionText={nameOf} filterToQuery={q => ({ q })} validate={required()} fullWidth />
  </ReferenceInput>
);

const trackInput = (
  <ReferenceInput source="track_id" reference="track" sort={{ field: 'name', order: 'ASC' }}>
    <AutocompleteInput label="Track" filterToQuery={q => ({ q })} validate={required()} />
  </ReferenceInput>
);

const quantityInput = <NumberInput source="quantity" min={1} defaultValue={1} validate={[required(), minValue(1)]} />;

const filters = [<SearchInput key="q" source="q" alwaysOn placeholder="City or country" />, customerInput];

export const InvoiceList = () => (
  <List
    filters={filters}
    sort={{ field: 'invoice_date', order: 'DESC' }}
    queryOptions={{ meta: { columns: '*,customer(first_name,last_name),lines:invoice_line(count)' } }}
  >
    <Datagrid rowClick="show" bulkActionButtons={false}>
      <NumberField source="invoice_id" label="No." options={{ useGrouping: false }} />
      <DateField source="invoice_date" label="Date" />
      <FunctionField label="Customer" render={invoice => invoice.customer && nameOf(invoice.customer)} />
      <TextField source="billing_city" label="City" />
      <NumberField source="lines[0].count" label="Lines" sortable={false} />
      <NumberField source="total" options={money} />
    </Datagrid>
  </List>
);

/** One request: the invoice, its customer, its lines, and their tracks. */
export const InvoiceShow = () => (
  <Show queryOptions={{ meta: { columns: '*,customer(first_name,last_name),lines:invoice_line(*,track(name,album(title)))' } }}>
    <SimpleShowLayout>
      <NumberField source="invoice_id" label="No." options={{ useGrouping: false }} />
      <DateField source="invoice_date" label="Date" showTime />
      <FunctionField label="Customer" render={invoice => nameOf(invoice.customer)} />
      <TextField source="billing_city" label="City" />
      <ArrayField source="lines">
        <Datagrid rowClick={false} bulkActionButtons={false}>
          <TextField source="track.name" label="Track" />
          <TextField source="track.album.title" label="Album" />
          <NumberField source="quantity" />
          <NumberField source="unit_price" label="Price" options={money} />
        </Datagrid>
      </ArrayField>
      <NumberField source="total" options={money} />
    </SimpleShowLayout>
  </Show>
);

const AddLine = () => {
  const invoice = useRecordContext();
  return <CreateButton resource="invoice_line" label="Add a line" state={{ record: { invoice_id: invoice?.invoice_id } }} />;
};

export const InvoiceEdit = () => (
  <Edit mutationMode="pessimistic" redirect="show">
    <SimpleForm toolbar={<FormToolbar />}>
      {customerInput}
      <DateTimeInput source="invoice_date" label="Date" parse={date => date} format={date => date?.slice(0, 16)} validate={required()} />
      <TextInput source="billing_address" label="Address" fullWidth />
      <TextInput source="billing_city" label="City" />
      <TextInput source="billing_country" label="Country" />
      <NumberInput source="total" min={0} validate={required()} />
      <Labeled label="Lines" fullWidth>
        <ReferenceManyField reference="invoice_line" target="invoice_id" sort={{ field: 'invoice_line_id', order: 'ASC' }}>
          <Datagrid rowClick={false} bulkActionButtons={false}>
            <ReferenceField source="track_id" reference="track" link={false} label="Track" />
            <NumberField source="quantity" />
            <NumberField source="unit_price" label="Price" options={money} />
            <EditButton />
          </Datagrid>
        </ReferenceManyField>
      </Labeled>
      <AddLine />
    </SimpleForm>
  </Edit>
);

/** Prices and the total are the server's to say: see `checkOut` in api.ts. */
export const InvoiceCreate = () => (
  <Create redirect="show">
    <SimpleForm defaultValues={{ lines: [{ quantity: 1 }] }}>
      {customerInput}
      <ArrayInput source="lines" validate={required()}>
        <SimpleFormIterator inline disableReordering>
          {trackInput}
          {quantityInput}
        </SimpleFormIterator>
      </ArrayInput>
    </SimpleForm>
  </Create>
);

const lineFields = (
  <>
    {trackInput}
    {quantityInput}
    <NumberInput source="unit_price" label="Price" min={0} validate={required()} />
  </>
);

const backToInvoice = backTo('invoice');

export const InvoiceLineCreate = () => (
  <Create redirect={backToInvoice} title="Add a line">
    <SimpleForm>{lineFields}</SimpleForm>
  </Create>
);

export const InvoiceLineEdit = () => (
  <Edit mutationMode="pessimistic" redirect={backToInvoice} title="Line">
    <SimpleForm toolbar={<FormToolbar parent="invoice" />}>{lineFields}</SimpleForm>
  </Edit>
);

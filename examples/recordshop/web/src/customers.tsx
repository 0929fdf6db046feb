import {
  Create,
  Datagrid,
  DateField,
  Edit,
  EmailField,
  FunctionField,
  List,
  NumberField,
  ReferenceManyField,
  SimpleForm,
  TextField,
  TextInput,
  email,
  required,
} from 'react-admin';
import { FormToolbar, nameOf, search } from './shared';

const fields = (
  <>
    <TextInput source="first_name" validate={required()} />
    <TextInput source="last_name" validate={required()} />
    <TextInput source="email" validate={[required(), email()]} fullWidth />
    <TextInput source="company" fullWidth />
    <TextInput source="phone" />
    <TextInput source="address" fullWidth />
    <TextInput source="postal_code" />
    <TextInput source="city" />
    <TextInput source="country" />
  </>
);

export const CustomerList = () => (
  <List filters={search} sort={{ field: 'last_name', order: 'ASC' }}>
    <Datagrid rowClick="edit" bulkActionButtons={false}>
      <FunctionField label="Name" sortBy="last_name" render={nameOf} />
      <EmailField source="email" />
      <TextField source="city" />
      <TextField source="country" />
    </Datagrid>
  </List>
);

export const CustomerEdit = () => (
  <Edit mutationMode="pessimistic" redirect="list">
    <SimpleForm toolbar={<FormToolbar />}>
      {fields}
      <ReferenceManyField reference="invoice" target="customer_id" sort={{ field: 'invoice_date', order: 'DESC' }}>
        <Datagrid rowClick="show" bulkActionButtons={false}>
          <DateField source="invoice_date" label="Invoice of" />
          <NumberField source="total" options={{ minimumFractionDigits: 2 }} />
        </Datagrid>
      </ReferenceManyField>
    </SimpleForm>
  </Edit>
);

export const CustomerCreate = () => (
  <Create redirect="list">
    <SimpleForm>{fields}</SimpleForm>
  </Create>
);

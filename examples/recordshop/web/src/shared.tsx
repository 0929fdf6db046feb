import { DeleteButton, SaveButton, SearchInput, Toolbar } from 'react-admin';

/** One field that looks through the columns that api.ts names for the resource. */
export const search = [<SearchInput key="q" source="q" alwaysOn />];

/** Errors come from the server, so nothing is shown as done before it is. */
export const FormToolbar = () => (
  <Toolbar sx={{ justifyContent: 'space-between' }}>
    <SaveButton />
    <DeleteButton mutationMode="pessimistic" />
  </Toolbar>
);

export const nameOf = (customer: { first_name?: string; last_name?: string }) => `${customer.first_name} ${customer.last_name}`;

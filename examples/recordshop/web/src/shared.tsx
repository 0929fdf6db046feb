import { DeleteButton, SaveButton, SearchInput, Toolbar, useRecordContext, type Identifier, type RaRecord } from 'react-admin';

/** One field that looks through the columns that api.ts names for the resource. */
export const search = [<SearchInput key="q" source="q" alwaysOn />];

/** From a row that has no list of its own to the one that it belongs to. */
export const backTo = (parent: string) => (_resource?: string, _id?: Identifier, row?: Partial<RaRecord>) =>
  `${parent}/${row?.[`${parent}_id`]}`;

/** Errors come from the server, so nothing is shown as done before it is. `parent`: where to go after a deletion. */
export const FormToolbar = ({ parent }: { parent?: string }) => {
  const row = useRecordContext();
  return (
    <Toolbar sx={{ justifyContent: 'space-between' }}>
      <SaveButton />
      <DeleteButton mutationMode="pessimistic" redirect={parent ? () => backTo(parent)(undefined, undefined, row) : 'list'} />
    </Toolbar>
  );
};

export const nameOf = (customer: { first_name?: string; last_name?: string }) => `${customer.first_name} ${customer.last_name}`;

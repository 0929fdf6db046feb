-- What the login of an adopted database is a member of. Runs as the administrator, after 01_roles and 15_adopt_prelude.
-- bulkhead_served is by what the floor knows it; it gives no right.
grant app_viewer, app_member, app_admin, app_owner, bulkhead_served to bulkhead_login;

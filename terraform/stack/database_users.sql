-- Creates the owner of the schema and the shop's user, which log in with IAM. Run as the first user; changes nothing if they exist.
--
-- RDS demands IAM, and refuses the password, from every direct and indirect member of rds_iam. So the first user must not stay a member of these roles:
-- since PostgreSQL 16, the creator of a role always is one. Another role creates them, and is dropped.
DO $$
BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'shopease_migrate') THEN RETURN; END IF;
  CREATE ROLE shopease_setup CREATEROLE;
  GRANT shopease_setup TO CURRENT_USER;
  GRANT USAGE ON SCHEMA public TO shopease_setup;
  SET LOCAL ROLE shopease_setup;
  CREATE ROLE shopease_migrate LOGIN;
  CREATE ROLE shopease LOGIN;
  GRANT shopease_migrate TO shopease_setup;
  ALTER DEFAULT PRIVILEGES FOR ROLE shopease_migrate IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO shopease;
  ALTER DEFAULT PRIVILEGES FOR ROLE shopease_migrate IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO shopease;
  REVOKE shopease_migrate FROM shopease_setup;
  RESET ROLE;
  REVOKE USAGE ON SCHEMA public FROM shopease_setup;
  DROP ROLE shopease_setup;
  GRANT USAGE, CREATE ON SCHEMA public TO shopease_migrate;
  GRANT USAGE ON SCHEMA public TO shopease;
  GRANT rds_iam TO shopease_migrate, shopease;
END $$;

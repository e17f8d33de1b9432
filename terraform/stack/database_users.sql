-- Run once as the first user. Creates the owner of the schema and the shop's user, which both log in with IAM. Can run again.
DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'shopease_migrate') THEN CREATE ROLE shopease_migrate LOGIN; END IF;
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'shopease') THEN CREATE ROLE shopease LOGIN; END IF;
END $$;
GRANT rds_iam TO shopease_migrate, shopease;
GRANT USAGE, CREATE ON SCHEMA public TO shopease_migrate;
GRANT USAGE ON SCHEMA public TO shopease;
-- ALTER DEFAULT PRIVILEGES for another role requires membership in it.
GRANT shopease_migrate TO CURRENT_USER;
ALTER DEFAULT PRIVILEGES FOR ROLE shopease_migrate IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO shopease;
ALTER DEFAULT PRIVILEGES FOR ROLE shopease_migrate IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO shopease;

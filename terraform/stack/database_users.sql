-- Run once by the first user: the owner of the schema and the user of the shop, who both log in with IAM. May run again.
DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'shopease_migrate') THEN CREATE ROLE shopease_migrate LOGIN; END IF;
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'shopease') THEN CREATE ROLE shopease LOGIN; END IF;
END $$;
GRANT rds_iam TO shopease_migrate, shopease;
GRANT USAGE, CREATE ON SCHEMA public TO shopease_migrate;
GRANT USAGE ON SCHEMA public TO shopease;
-- To say what happens to another role's tables one must be a member of it.
GRANT shopease_migrate TO CURRENT_USER;
ALTER DEFAULT PRIVILEGES FOR ROLE shopease_migrate IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO shopease;
ALTER DEFAULT PRIVILEGES FOR ROLE shopease_migrate IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO shopease;

/** The one tenant of a server. */
export const TENANT_ID = "00000000-0000-0000-0000-000000000000";

import { objectBody } from "../body.js";
import type { Handler } from "../call.js";
import { json, RefusedCall } from "../replies.js";
import { TENANT_ID } from "../tenant.js";

/** A server without tenants has no time of its own, and clients need one. */
const CREATED_AT = "1970-01-01T00:00:00Z";

const SETTINGS = {
  id: TENANT_ID,
  display_name: "Counterfoil",
  created_at: CREATED_AT,
  tenant_handle: null,
};

/** A server has one. */
const WORKSPACE = {
  id: TENANT_ID,
  display_name: "Counterfoil",
  tenant_handle: null,
  is_personal: false,
  is_deleted: false,
  read_only: false,
};

/** Everything is kept, whatever a project is: the one tier that there is. */
const TTL_SETTING = {
  id: TENANT_ID,
  tenant_id: TENANT_ID,
  organization_id: TENANT_ID,
  default_trace_tier: "longlived",
  apply_to_all_projects: true,
  configured_by: "system",
  created_at: CREATED_AT,
  updated_at: CREATED_AT,
};

/** Routes of the one workspace: its settings, and limits and tiers, of which it has none to choose. */
export function workspaceHandlers(): Readonly<Record<string, Handler>> {
  return {
    settings: async () => json(200, SETTINGS),
    workspaces: async () => json(200, [WORKSPACE]),
    usageLimits: async () => json(200, []),
    ttlSettings: async () => json(200, [TTL_SETTING]),
    changeTtlSettings: async ({ request }) => {
      const { default_trace_tier: tier = "longlived" } = objectBody(request.body);
      if (tier === "longlived") return json(200, TTL_SETTING);
      throw new RefusedCall(
        501,
        "Counterfoil has one tier of traces, longlived; how long they are kept is `retention` in its configuration.",
      );
    },
  };
}

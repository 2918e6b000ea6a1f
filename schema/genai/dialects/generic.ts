import type { Dialect } from "../types.js";

/** Names that are nobody's own: general OTel conventions and what many emitters share. They come last. */
export const GENERIC: Dialect = {
  name: "generic",
  title: "General OpenTelemetry names",
  detect: {},
  columns: {
    service_tier: [
      "openai.response.service_tier",
      "openai.request.service_tier",
      "gen_ai.openai.response.service_tier",
      "gen_ai.openai.request.service_tier",
    ],
    conversation_id: ["session.id"],
    user_id: ["user.id", "enduser.id", "enduser.pseudo.id"],
    error_type: ["error.type", { from: "@exception#exception.type", as: "text" }],
    tags: ["tag.tags"],
  },
  notes: ["Read on every span, and never named in the column dialect."],
};

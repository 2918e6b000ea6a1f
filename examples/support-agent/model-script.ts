/**
 * What the stand-in model "thinks": for each guest message it knows which tools to call and what to say. Plain rules, so
 * that the demo is the same on every machine and needs no key.
 */

/** A message of a chat request, as far as the stand-in reads it. */
export interface RequestMessage {
  readonly role: string;
  readonly content?: unknown;
}

/** A tool the stand-in wants called. */
export interface WantedCall {
  readonly name: string;
  readonly arguments: Readonly<Record<string, unknown>>;
}

/** The stand-in's move: words, tool calls, or a refusal with an HTTP status. */
export type Move =
  | { readonly kind: "say"; readonly text: string }
  | { readonly kind: "call"; readonly calls: readonly WantedCall[] }
  | { readonly kind: "refuse"; readonly status: number; readonly message: string };

interface Rule {
  readonly when: RegExp;
  /** One move a turn; a function gets the results of the tools called so far, in order. */
  readonly moves: readonly (Move | ((results: readonly unknown[]) => Move))[];
  /** HTTP status with which the first request that matches is refused, once. */
  readonly refuseOnce?: number;
}

const search = (guest: string): Move => ({
  kind: "call",
  calls: [{ name: "search_bookings", arguments: { guest } }],
});

const policies =
  (...codes: readonly string[]) =>
  (): Move => ({
    kind: "call",
    calls: codes.map((code) => ({ name: "get_rate_policy", arguments: { rate_code: code } })),
  });

const say = (text: string): Move => ({ kind: "say", text });

/** What a judge says: a promise of a refund is wrong where the rate forbids one. */
const JUDGE: readonly Rule[] = [
  {
    when: /^judge\b[\s\S]*(?:okafor|fully refundable)/i,
    moves: [say('{"comment": "The rate of this booking gives nothing back.", "score": false}')],
  },
  { when: /^judge\b/i, moves: [say('{"comment": "It keeps to the policy.", "score": true}')] },
];

const RULES: readonly Rule[] = [
  ...JUDGE,
  {
    when: /lindqvist/i,
    moves: [
      search("Lindqvist"),
      policies("FLEX"),
      say(
        "Dear guest, yes: your sea view double from 18 December is on our flexible rate and fully refundable until " +
          "48 hours before arrival. You can cancel until 16 December, 15:00, at no cost. Shall I do it for you?",
      ),
    ],
  },
  {
    when: /breakfast/i,
    moves: [
      say(
        "Good morning! On Sundays breakfast is served in the Orangery from 7:00 until 11:00. We look forward to you.",
      ),
    ],
  },
  {
    when: /dog/i,
    moves: [
      say(
        "With pleasure: dogs up to 15 kilograms are welcome in our garden rooms for 20 euro a night. Only the " +
          "restaurant is out of bounds for them.",
      ),
    ],
  },
  {
    // The wrong answer: it looks the booking up, doesn't read the rate's policy, and promises what the rate forbids.
    when: /okafor/i,
    moves: [
      search("Okafor"),
      say(
        "Good news, dear guest! Your stay from 5 December is fully refundable: just cancel up to 48 hours before " +
          "arrival and the whole 218 euro will be back on your card within five days. No need to worry at all.",
      ),
    ],
  },
  {
    when: /haddad/i,
    moves: [
      search("Haddad"),
      {
        kind: "call",
        calls: [{ name: "refund_quote", arguments: { booking_id: "BK-7215", hours_before_arrival: 30 } }],
      },
      (results) =>
        say(
          `I am sorry you can't come. As arrival is less than 48 hours away, one night is charged: we refund ` +
            `${amount(results, "refund_eur")} euro and keep ${amount(results, "fee_eur")} euro. Shall I cancel?`,
        ),
    ],
  },
  {
    when: /novak/i,
    refuseOnce: 429,
    moves: [
      say(
        "No problem at all: our front desk is staffed all night, so come whenever your train does. Your room will wait.",
      ),
    ],
  },
  {
    when: /brandt/i,
    moves: [
      search("Brandt"),
      {
        kind: "call",
        calls: [{ name: "refund_quote", arguments: { booking_id: "BK-7466", hours_before_arrival: 120 } }],
      },
    ],
  },
  {
    when: /tanaka/i,
    moves: [
      search("Tanaka"),
      policies("FLEX", "SEMI-30"),
      say(
        "Both can be cancelled: the sea view double from 27 December until 48 hours before arrival, the family room " +
          "from 2 January until 30 days before. After that we charge one night and two nights.",
      ),
    ],
  },
  {
    when: /silva/i,
    moves: [
      search("Silva"),
      policies("SAVER-NR"),
      say(
        "I am sorry: your stay from 11 December is on our saver rate, which gives nothing back when it is cancelled. " +
          "The front desk will gladly look for another date with you.",
      ),
    ],
  },
];

/** A stand-in model with its own memory of which refusals it has made. */
export function createModelScript(): (messages: readonly RequestMessage[]) => Move {
  const refused = new Set<Rule>();
  return (messages) => {
    const last = messages.findLastIndex((message) => message.role === "user");
    const question = messages[last]?.content;
    const rule = RULES.find((item) => typeof question === "string" && item.when.test(question));
    if (rule === undefined) {
      return say("I am afraid I don't know that. May I hand you over to our front desk?");
    }
    if (rule.refuseOnce !== undefined && !refused.has(rule)) {
      refused.add(rule);
      return { kind: "refuse", status: rule.refuseOnce, message: "The model is overloaded. Try again." };
    }
    const after = messages.slice(last + 1);
    const step = after.filter((message) => message.role === "assistant").length;
    const results = after
      .filter((message) => message.role === "tool")
      .map((message) =>
        typeof message.content === "string" ? (JSON.parse(message.content) as unknown) : undefined,
      );
    const move = rule.moves[Math.min(step, rule.moves.length - 1)];
    if (move === undefined) return say("");
    return typeof move === "function" ? move(results) : move;
  };
}

/** A number of the last tool result. */
function amount(results: readonly unknown[], field: string): number {
  const value = (results.at(-1) as Readonly<Record<string, unknown>> | undefined)?.[field];
  return typeof value === "number" ? value : 0;
}

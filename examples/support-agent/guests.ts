/** What the guests of the example write, and what is true about the answers (known here, and nowhere in telemetry). */

/** One conversation of a guest with the agent. */
export interface GuestConversation {
  readonly conversationId: string;
  readonly userId: string;
  /** The guest's messages, in order. The agent answers each before the next comes. */
  readonly messages: readonly string[];
  /** `wrong`: the agent will answer confidently, and wrongly. `failure`: the agent will break. */
  readonly truth: "good" | "wrong" | "failure";
}

export const GUESTS: readonly GuestConversation[] = [
  guest("lindqvist", "good", [
    "Hello, this is Lindqvist. Can I still cancel my booking for December without paying?",
  ]),
  guest("moreau", "good", [
    "Good morning! When is breakfast served on Sunday?",
    "Lovely. And may I bring my small dog?",
  ]),
  guest("okafor", "wrong", [
    "Hi, Okafor here. My plans may change. If I cancel my stay next month, do I get my money back?",
  ]),
  guest("haddad", "good", [
    "Haddad speaking. I arrive in 30 hours and must cancel. How much will you refund?",
  ]),
  guest("novak", "good", ["This is Novak. My train is late: can I check in after midnight?"]),
  guest("brandt", "failure", ["Brandt here. Please quote the refund if I cancel my four nights today."]),
  guest("tanaka", "good", [
    "Tanaka. I have two bookings with you. Which of them can I cancel, and until when?",
  ]),
  guest("silva", "good", ["Silva here. If I cancel my December stay, what do I get back?"]),
];

function guest(
  name: string,
  truth: GuestConversation["truth"],
  messages: readonly string[],
): GuestConversation {
  return { conversationId: `conv-${name}`, userId: `guest-${name}`, messages, truth };
}

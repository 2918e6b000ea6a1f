import * as ls from "langsmith/jest";
ls.describe("jest capitals", () => {
  ls.test(
    "knows France",
    { inputs: { country: "France" }, referenceOutputs: { capital: "Paris" } },
    async ({ referenceOutputs }) => {
      ls.logOutputs({ capital: "Paris" });
      ls.logFeedback({ key: "length", score: 5 });
      expect(referenceOutputs.capital).toBe("Paris");
    },
  );
});

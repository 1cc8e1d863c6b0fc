import js from "@eslint/js";
import globals from "globals";

/** What the classic scripts find on the page, and what the tests of modules run in. */
const CLASSIC = ["static/js/shared/theme.js", "static/js/pages/report.js"];

export default [
  { ignores: ["static/vendor/", "build/", ".venv/"] },
  js.configs.recommended,
  {
    languageOptions: { ecmaVersion: 2024, sourceType: "module", globals: globals.browser },
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      "array-callback-return": "error",
      complexity: ["error", 10],
      curly: ["error", "multi-line"],
      eqeqeq: "error",
      "max-depth": ["error", 3],
      "max-lines": ["error", 350],
      "max-lines-per-function": ["error", { max: 50, skipComments: true }],
      "max-params": ["error", 6],
      "no-duplicate-imports": "error",
      "no-implicit-globals": "error",
      "no-param-reassign": "error",
      "no-shadow": "error",
      "no-unused-expressions": ["error", { allowShortCircuit: true }],
      "no-unused-vars": ["error", { ignoreRestSiblings: true }],
      "no-var": "error",
      "object-shorthand": "error",
      "prefer-const": "error",
      "prefer-template": "error",
    },
  },
  { files: CLASSIC, languageOptions: { sourceType: "script" } },
  {
    files: ["static/js/pages/report.js"],
    languageOptions: { globals: { Plotly: "readonly" } },
    // A report has this script alone: nothing else shares its scope.
    rules: { "no-implicit-globals": "off" },
  },
  { files: ["tests/js/**", "eslint.config.js"], languageOptions: { globals: globals.node } },
];

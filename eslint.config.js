import js from "@eslint/js";
import globals from "globals";

/** What the classic scripts find on the page, and what the tests of modules run in. */
const CLASSIC = ["static/js/shared/theme.js", "static/js/pages/report.js"];

/** By a script element before the modules: see the .d.ts files. */
const LOADED = { ...globals.browser, Plotly: "readonly", htmx: "readonly" };

export default [
  { ignores: ["static/vendor/", "build/", ".venv/"] },
  js.configs.recommended,
  {
    languageOptions: { ecmaVersion: 2024, sourceType: "module", globals: LOADED },
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      "array-callback-return": "error",
      complexity: ["error", 10],
      curly: ["error", "multi-line"],
      eqeqeq: "error",
      "max-depth": ["error", 3],
      "max-lines": ["error", { max: 300, skipComments: true }],
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
    // A report has this script alone: nothing else shares its scope.
    rules: { "no-implicit-globals": "off" },
  },
  { files: ["tests/js/**", "eslint.config.js"], languageOptions: { globals: globals.node } },
];

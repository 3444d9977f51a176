// All tests of tfjs-core. Bundled and run by scripts/tfjsSpecs.mjs.
import "./environment.mjs";
import "@tensorflow/tfjs-core/dist/tests";

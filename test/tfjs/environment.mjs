// Says on what the tests of tfjs-core run. Loaded before them: they ask while they are being defined.
import "@tensorflow/tfjs-backend-cpu";
import { setTestEnvs } from "@tensorflow/tfjs-core/dist/jasmine_util";
import "@tensorflow/tfjs-core/dist/public/chained_ops/register_all_chained_ops";
import "@tensorflow/tfjs-core/dist/register_all_gradients";
import { setWasmPaths } from "@tensorflow/tfjs-backend-wasm";
import { registerOnednn } from "../../dist/backend/onednn/register.js";
import { completeWasm } from "../../dist/backend/wasm.js";

const registrations = { onednn: registerOnednn, wasm: completeWasm, cpu: () => undefined };
const { backend, wasmFolder } = globalThis.tfjsSpecs;
setWasmPaths(wasmFolder);
const obstacle = registrations[backend]();
if (obstacle) throw new Error(`${backend}: ${obstacle}`);
setTestEnvs([{ name: backend, backendName: backend, isDataSync: true }]);

#pragma once
#include <node_api.h>

namespace ms {

/** Each defines its functions on the addon's exports; what they take and check is stated at their definitions. */
void defineMemory(napi_env env, napi_value exports);
void defineLayout(napi_env env, napi_value exports);
void defineConvolution(napi_env env, napi_value exports);
void defineKernelParts(napi_env env, napi_value exports);
void defineMatMul(napi_env env, napi_value exports);
void defineElementwise(napi_env env, napi_value exports);
void defineReduce(napi_env env, napi_value exports);
void defineShape(napi_env env, napi_value exports);
void definePool(napi_env env, napi_value exports);
void defineUpsample(napi_env env, napi_value exports);
void defineWarp(napi_env env, napi_value exports);
void defineAttention(napi_env env, napi_value exports);
void defineGates(napi_env env, napi_value exports);
void defineAdam(napi_env env, napi_value exports);
void defineProgram(napi_env env, napi_value exports);
void definePeak(napi_env env, napi_value exports);

}  // namespace ms

#include "op.h"

#include <exception>
#include <new>
#include <string>

namespace fwht {
namespace ort {
namespace {

// What a session holds of a node.
struct Node {
    Api api;
    const OpDefinition& definition;
    const Constants constants;
    const std::unique_ptr<Kernel> kernel;
    mutable Helpers helpers;
};

const OpDefinition& definition_of(const CustomOp* op) { return static_cast<const RegisteredOp*>(op)->definition; }
Api api_of(const CustomOp* op) { return static_cast<const RegisteredOp*>(op)->api; }

// body(), and the status that says what went wrong in it.
template <typename Body>
Status* guarded(Api api, const char* op, Body body) noexcept {
    try {
        body();
        return nullptr;
    } catch (const StatusError& error) {
        return error.status;
    } catch (const std::bad_alloc&) {
        return api.create_status(kFail, "out of memory: run fewer images at once");
    } catch (const std::exception& error) {
        try {
            return api.create_status(kInvalidArgument, (std::string(op) + ": " + error.what()).c_str());
        } catch (...) {
            return api.create_status(kFail, "out of memory");
        }
    } catch (...) {
        return api.create_status(kFail, "an exception of unknown type");
    }
}

Status* create_node(const CustomOp* op, const ApiTable*, const KernelInfo* info, void** kernel) {
    const OpDefinition& definition = definition_of(op);
    const Api api = api_of(op);
    return guarded(api, definition.op.name, [&] {
        const Values values = read_attributes(api, info, definition.op);
        const Constants constants = read_constants(api, info, definition.op.inputs, definition.op.input_count);
        *kernel = new Node{api, definition, constants, definition.make(values, constants), {}};
    });
}

Status* run_node(void* kernel, KernelContext* context) {
    const Node& node = *static_cast<Node*>(kernel);
    return guarded(node.api, node.definition.op.name, [&] {
        node.kernel->run(Call(node.api, context, node.constants, node.helpers));
    });
}

void destroy_node(void* kernel) { delete static_cast<Node*>(kernel); }

// Shapes are inferred for the sake of memory planning: what cannot be said is left unsaid.
Status* infer_shape_of(const CustomOp* op, ShapeContext* context) {
    const OpDefinition& definition = definition_of(op);
    const Api api = api_of(op);
    return guarded(api, definition.op.name, [&] { definition.infer(ShapeInference(api, context)); });
}

const char* name_of(const CustomOp* op) { return definition_of(op).op.name; }
// With another provider the nodes would run on the CPU all the same, with copies around each.
const char* cpu_provider(const CustomOp*) { return "CPUExecutionProvider"; }
size_t inputs_of(const CustomOp* op) { return static_cast<size_t>(definition_of(op).op.input_count); }
size_t outputs_of(const CustomOp* op) { return definition_of(op).outputs; }
int float_tensor(const CustomOp*, size_t) { return kFloat; }
int zero(const CustomOp*, size_t) { return 0; }
int first_version(const CustomOp*) { return 1; }
int last_version(const CustomOp*) { return INT32_MAX; }

}  // namespace

RegisteredOp::RegisteredOp(const OpDefinition& its_definition, Api its_api)
    : CustomOp(), definition(its_definition), api(its_api) {
    version = kApiVersion;
    name = name_of;
    provider = cpu_provider;
    input_type = output_type = float_tensor;
    input_count = inputs_of;
    output_count = outputs_of;
    destroy = destroy_node;
    input_characteristic = output_characteristic = input_memory = zero;
    create_v2 = create_node;
    compute_v2 = run_node;
    infer_shape = infer_shape_of;
    start_version = first_version;
    end_version = last_version;
}

}  // namespace ort
}  // namespace fwht

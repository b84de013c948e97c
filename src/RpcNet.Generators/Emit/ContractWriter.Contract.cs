using RpcNet.Generators.Contracts;

namespace RpcNet.Generators.Emit;

internal sealed partial class ContractWriter
{
    private const string TimeSpan = "global::System.TimeSpan";

    private void WriteContract()
    {
        var service = _contract.Interface;
        var name = _contract.BaseName + "Contract";
        _code.Line($"/// <summary>Describes <see cref=\"{service}\"/>: its methods, its client, how to run it.</summary>");
        _code.Line(Names.GeneratedCode);
        _code.Open($"{_contract.Accessibility} sealed class {name} : {Names.Rpc}RpcContract<{service}>");
        foreach (var method in _contract.Methods)
        {
            WriteDescriptor(method);
        }

        var all = string.Join(", ", _contract.Methods.Select(m => m.MemberName + "Method"));
        _code.Line($"private static readonly {Names.Rpc}RpcMethod[] AllMethods = [{all}];");
        _code.Line();
        _code.Open($"private {name}()");
        _code.Close();
        _code.Line();
        _code.Line("/// <summary>The only instance.</summary>");
        _code.Line($"public static {name} Instance {{ get; }} = new {name}();");
        _code.Line();
        _code.Line("/// <inheritdoc/>");
        _code.Line($"public override string ServiceName => {Names.Literal(_contract.ServiceName)};");
        _code.Line();
        _code.Line("/// <inheritdoc/>");
        _code.Line($"public override global::System.Collections.Generic.IReadOnlyList<{Names.Rpc}RpcMethod> Methods => AllMethods;");
        _code.Line();
        _code.Line("/// <inheritdoc/>");
        _code.Line(
            $"public override {service} CreateClient({Names.Rpc}RpcInvoker invoker, {Names.Rpc}RpcCallOptions? options = null) =>");
        _code.Continue(() => _code.Line($"new {_contract.Qualify("Client")}(invoker, options);"));
        _code.Line();
        _code.Line("/// <inheritdoc/>");
        _code.Open($"public override void Bind({Names.Rpc}IRpcMethodBinder<{service}> binder)");
        _code.Line("global::System.ArgumentNullException.ThrowIfNull(binder);");
        foreach (var method in _contract.Methods)
        {
            WriteBinding(method);
        }

        _code.Close();
        WriteArgumentMarshallers();
        _code.Close();
        _code.Line();
    }

    private void WriteDescriptor(MethodModel method)
    {
        var unary = method.Kind == CallKind.Unary;
        var type = unary
            ? $"{Names.Rpc}RpcUnaryMethod<{RequestType(method)}, {ResultType(method)}>"
            : $"{Names.Rpc}RpcStreamingMethod<{RequestType(method)}, {InputType(method)}, {ResultType(method)}>";
        var timeout = method.TimeoutMilliseconds == 0
            ? "null"
            : $"{TimeSpan}.FromTicks({method.TimeoutMilliseconds}L * {TimeSpan}.TicksPerMillisecond)";
        _code.Line($"/// <summary>Describes <c>{method.Identifier}</c>.</summary>");
        _code.Line($"public static readonly {type} {method.MemberName}Method = new {type}(");
        _code.Continue(() =>
        {
            _code.Line($"{Names.Literal(_contract.ServiceName)},");
            _code.Line($"{Names.Literal(method.WireName)},");
            if (!unary)
            {
                _code.Line($"{Names.Rpc}RpcMethodKind.{method.Kind},");
            }

            _code.Line($"{RequestMarshaller(method)},");
            if (!unary)
            {
                _code.Line($"{Marshaller(method.Stream?.PayloadType)},");
            }

            _code.Line($"{Marshaller(method.ResultType)},");
            _code.Line($"idempotent: {(method.Idempotent ? "true" : "false")},");
            _code.Line($"timeout: {timeout}{(method.Replayable && unary ? "," : ");")}");
            if (method.Replayable && unary)
            {
                _code.Line("replayable: true);");
            }
        });
        _code.Line();
    }

    private static string Marshaller(string? type) =>
        type is null ? $"{Names.Rpc}RpcMarshaller.Empty" : $"{Names.Rpc}RpcMarshaller.Value<{type}>()";

    private static string RequestMarshaller(MethodModel method) => method.Arguments.Count switch
    {
        0 => Marshaller(null),
        1 => Marshaller(method.Arguments[0].PayloadType),
        _ => $"{method.MemberName}Arguments.Instance",
    };

    private void WriteBinding(MethodModel method)
    {
        var bind = method.Kind switch
        {
            CallKind.Unary => "Unary",
            CallKind.ClientStreaming => "ClientStreaming",
            _ => "Streaming",
        };
        var input = method.Kind == CallKind.Unary ? "" : "input, ";
        var target = method.DeclaringInterface == _contract.Interface
            ? "service"
            : $"(({method.DeclaringInterface})service)";
        var call = $"{target}.{method.Identifier}({string.Join(", ", Arguments(method))})";
        var result = method.Returns switch
        {
            ReturnKind.Task => $"{Names.Rpc}RpcGeneratedCode.WithEmptyResult(new global::System.Threading.Tasks.ValueTask({call}))",
            ReturnKind.ValueTask => $"{Names.Rpc}RpcGeneratedCode.WithEmptyResult({call})",
            ReturnKind.TaskOfT => $"new global::System.Threading.Tasks.ValueTask<{method.ResultType}>({call})",
            _ => call,
        };
        _code.Line($"binder.{bind}({Descriptor(method)}, static (service, request, {input}cancellationToken) =>");
        _code.Continue(() => _code.Line($"{result});"));
    }

    private static IEnumerable<string> Arguments(MethodModel method)
    {
        var several = method.Arguments.Count > 1;
        var item = 0;
        foreach (var parameter in method.Parameters)
        {
            yield return parameter.Role switch
            {
                ParameterRole.CancellationToken => "cancellationToken",
                ParameterRole.Stream => "input",
                _ => several ? $"request.Item{++item}" : "request",
            };
        }
    }

    /// <summary>Nested, so that a message type of the user's may have the same name.</summary>
    private void WriteArgumentMarshallers()
    {
        foreach (var method in _contract.Methods.Where(m => m.Arguments.Count > 1))
        {
            WriteArgumentMarshaller($"{method.MemberName}Arguments", RequestType(method), method.Arguments);
        }
    }

    private void WriteArgumentMarshaller(string name, string tuple, IReadOnlyList<ParameterModel> arguments)
    {
        var count = arguments.Count;
        _code.Line();
        _code.Open($"private sealed class {name} : {Names.Rpc}RpcMarshaller<{tuple}>");
        _code.Line($"public static readonly {name} Instance = new {name}();");
        _code.Line();
        _code.Open(
            $"public override void Write({Names.Rpc}IRpcSerializer serializer, "
            + $"global::System.Buffers.IBufferWriter<byte> writer, in {tuple} value)");
        _code.Line($"serializer.WriteArgumentCount(writer, {count});");
        for (var i = 0; i < count; i++)
        {
            _code.Line($"serializer.Serialize<{arguments[i].PayloadType}>(writer, value.Item{i + 1});");
        }

        _code.Close();
        _code.Line();
        _code.Open(
            $"public override {tuple} Read({Names.Rpc}IRpcSerializer serializer, "
            + "global::System.ReadOnlyMemory<byte> payload)");
        _code.Line($"var unknown = {Names.Rpc}RpcMarshaller.ReadArguments(serializer, ref payload, {count});");
        for (var i = 0; i < count; i++)
        {
            _code.Line($"var item{i + 1} = serializer.Deserialize<{arguments[i].PayloadType}>(ref payload);");
        }

        _code.Open("if (unknown == 0)");
        _code.Line($"{Names.Rpc}RpcMarshaller.EnsureConsumed(payload);");
        _code.Close();
        _code.Line();
        _code.Line($"return ({string.Join(", ", arguments.Select((_, i) => $"item{i + 1}"))});");
        _code.Close();
        _code.Close();
    }
}

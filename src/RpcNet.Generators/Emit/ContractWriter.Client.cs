using RpcNet.Generators.Contracts;

namespace RpcNet.Generators.Emit;

internal sealed partial class ContractWriter
{
    private void WriteClient()
    {
        var client = _contract.BaseName + "Client";
        var options = Names.Rpc + "RpcCallOptions?";

        // IRpcClient is covariant: as the client of itself it is the contract's client, and the extension methods keep
        // working on a variable of the class.
        var clientOfItself = $"{Names.Rpc}IRpcClient<{_contract.Qualify("Client")}>";
        _code.Line($"/// <summary>Calls <see cref=\"{_contract.Interface}\"/> through an invoker. Safe for concurrent use.</summary>");
        _code.Line(Names.GeneratedCode);
        _code.Open($"{_contract.Accessibility} sealed class {client} : {_contract.Interface}, {clientOfItself}");
        _code.Line($"private readonly {Names.Rpc}RpcInvoker _invoker;");
        _code.Line($"private readonly {options} _options;");
        _code.Line();
        _code.Line("/// <summary>Creates a client.</summary>");
        _code.Line("/// <param name=\"invoker\">Makes the calls.</param>");
        _code.Line("/// <param name=\"options\">What every call of this client uses; null for none.</param>");
        _code.Open($"public {client}({Names.Rpc}RpcInvoker invoker, {options} options = null)");
        _code.Line("this._invoker = invoker ?? throw new global::System.ArgumentNullException(nameof(invoker));");
        _code.Line("this._options = options;");
        _code.Close();
        _code.Line();

        // A contract may have methods of these names; then the members are reached through IRpcClient alone.
        var clash = _contract.Methods.Any(m => m.Identifier is "CallOptions" or "WithCallOptions");
        var (visible, prefix) = clash ? ("", clientOfItself + ".") : ("public ", "");
        _code.Line("/// <inheritdoc/>");
        _code.Line($"{visible}{options} {prefix}CallOptions => this._options;");
        _code.Line();
        _code.Line("/// <inheritdoc/>");
        _code.Line($"{visible}{_contract.Qualify("Client")} {prefix}WithCallOptions({options} options) =>");
        _code.Continue(() => _code.Line($"new {_contract.Qualify("Client")}(this._invoker, options);"));
        foreach (var method in _contract.Methods)
        {
            _code.Line();
            _code.Line("/// <inheritdoc/>");
            _code.Line($"public {Signature(method)} =>");
            _code.Continue(() => _code.Line(Call(method) + ";"));
        }

        _code.Close();
        _code.Line();
    }

    private string Call(MethodModel method)
    {
        var arguments = method.Arguments;
        var request = arguments.Count switch
        {
            0 => $"default({Names.Empty})",
            1 => arguments[0].Identifier,
            _ => $"({string.Join(", ", arguments.Select(p => p.Identifier))})",
        };
        var input = method.Kind switch
        {
            CallKind.Unary => "",
            CallKind.ServerStreaming => "null, ",
            _ => method.Stream!.Identifier + ", ",
        };
        var invoke = method.Kind switch
        {
            CallKind.Unary => "InvokeUnaryAsync",
            CallKind.ClientStreaming => "InvokeClientStreamingAsync",
            _ => "InvokeStreaming",
        };
        var token = method.CancellationToken?.Identifier ?? $"default({Names.Cancellation})";
        var call = $"this._invoker.{invoke}({Descriptor(method)}, {request}, {input}this._options, {token})";
        return method.Returns switch
        {
            ReturnKind.Task or ReturnKind.TaskOfT => call + ".AsTask()",
            ReturnKind.ValueTask => $"{Names.Rpc}RpcGeneratedCode.WithoutResult({call})",
            _ => call,
        };
    }

    private string Descriptor(MethodModel method) => $"{_contract.Qualify("Contract")}.{method.MemberName}Method";
}

using RpcNet.Generators.Contracts;

namespace RpcNet.Generators.Emit;

/// <summary>Writes the client, the base class, the contract with its descriptors, and the argument marshallers.</summary>
internal sealed partial class ContractWriter
{
    private readonly CodeWriter _code = Names.StartFile();
    private readonly ContractModel _contract;

    private ContractWriter(ContractModel contract) => _contract = contract;

    public static string Write(ContractModel contract)
    {
        var writer = new ContractWriter(contract);
        writer.WriteFile();
        return writer._code.ToString();
    }

    private void WriteFile()
    {
        if (_contract.Namespace.Length > 0)
        {
            _code.Line($"namespace {_contract.Namespace};");
            _code.Line();
        }

        WriteClient();
        WriteBase();
        WriteContract();
        WriteRegistration();
    }

    private void WriteBase()
    {
        _code.Line($"/// <summary>Implements <see cref=\"{_contract.Interface}\"/>: what is not overridden answers Unimplemented.</summary>");
        _code.Line(Names.GeneratedCode);
        _code.Open($"{_contract.Accessibility} abstract class {_contract.BaseName}Base : {_contract.Interface}");
        for (var i = 0; i < _contract.Methods.Count; i++)
        {
            var method = _contract.Methods[i];
            if (i > 0)
            {
                _code.Line();
            }

            _code.Line("/// <inheritdoc/>");
            _code.Line($"public virtual {Signature(method)} =>");
            var message = Names.Literal($"{_contract.ServiceName}/{method.WireName} is not implemented.");
            _code.Continue(() => _code.Line(
                $"throw new {Names.Rpc}RpcFaultException({Names.Rpc}RpcStatusCode.Unimplemented, {message});"));
        }

        _code.Close();
        _code.Line();
    }

    private void WriteRegistration()
    {
        _code.Line(Names.GeneratedCode);
        _code.Open($"file static class {_contract.BaseName}ContractRegistration");
        _code.Line(Names.ModuleInitializer);
        _code.Line("internal static void Register() =>");
        _code.Continue(() => _code.Line(
            $"{Names.Rpc}RpcContracts.Register({_contract.Qualify("Contract")}.Instance);"));
        _code.Close();
    }

    private static string Signature(MethodModel method)
    {
        var parameters = method.Parameters.Select(p =>
            (p.IsParams ? "params " : "") + $"{p.Type} {p.Identifier}" + (p.Default is null ? "" : $" = {p.Default}"));
        return $"{method.ReturnType} {method.Identifier}({string.Join(", ", parameters)})";
    }

    /// <summary>The type that the arguments beside the stream travel as.</summary>
    private static string RequestType(MethodModel method) => method.Arguments.Count switch
    {
        0 => Names.Empty,
        1 => method.Arguments[0].PayloadType,
        _ => $"({string.Join(", ", method.Arguments.Select(p => p.PayloadType))})",
    };

    private static string ResultType(MethodModel method) => method.ResultType ?? Names.Empty;

    private static string InputType(MethodModel method) => method.Stream?.PayloadType ?? Names.Empty;
}

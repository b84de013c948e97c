using RpcNet.Generators.Contracts;

namespace RpcNet.Generators.Baseline;

/// <summary>What callers that are already built rely on: services by name, methods by wire name.</summary>
internal sealed class ContractBaseline
{
    public const string FileName = "rpc.contract.json";

    public SortedDictionary<string, SortedDictionary<string, BaselineMethod>> Services { get; } =
        new(StringComparer.Ordinal);

    public static ContractBaseline Of(IEnumerable<ContractModel> contracts)
    {
        var baseline = new ContractBaseline();
        foreach (var contract in contracts)
        {
            baseline.Services[contract.ServiceName] = Methods(contract);
        }

        return baseline;
    }

    public static SortedDictionary<string, BaselineMethod> Methods(ContractModel contract)
    {
        var methods = new SortedDictionary<string, BaselineMethod>(StringComparer.Ordinal);
        foreach (var method in contract.Methods)
        {
            methods[method.WireName] = BaselineMethod.Of(method);
        }

        return methods;
    }
}

/// <summary>One method as it was; types are written without nullable annotations and tuple names.</summary>
internal sealed record BaselineMethod(string Kind, EquatableArray<string> Arguments, string? Input, string? Result)
{
    public static BaselineMethod Of(MethodModel method) => new(
        method.Kind.ToString(),
        new EquatableArray<string>(method.Arguments.Select(a => a.PayloadName)),
        method.Stream?.PayloadName,
        method.ResultName);
}

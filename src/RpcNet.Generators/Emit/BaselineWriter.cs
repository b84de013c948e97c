using RpcNet.Generators.Baseline;
using RpcNet.Generators.Contracts;

namespace RpcNet.Generators.Emit;

/// <summary>
/// Writes the baseline as a comment. A generator may not write files: the build, which keeps generated ones, takes this one
/// and strips what stands before the JSON.
/// </summary>
internal static class BaselineWriter
{
    /// <summary>What the package's targets strip.</summary>
    private const string Start = "#if RPCNET_CONTRACT_BASELINE\n", End = "#endif\n";

    public static string Write(IEnumerable<ContractModel> contracts) =>
        Start + BaselineJson.Write(ContractBaseline.Of(contracts)) + End;
}

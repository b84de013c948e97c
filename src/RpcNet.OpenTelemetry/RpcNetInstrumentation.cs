namespace RpcNet.OpenTelemetry;

/// <summary>The names under which RpcNet gives spans and metrics, for collectors that are not OpenTelemetry's SDK.</summary>
public static class RpcNetInstrumentation
{
    /// <summary>The activity source of all spans, a client's and a server's for each call.</summary>
    public const string ActivitySource = "RpcNet";

    /// <summary>The meter of calls, connections and lanes.</summary>
    public const string CallMeter = "RpcNet";

    /// <summary>Fits all of RpcNet's meters beside <see cref="CallMeter"/>: the cluster's, and routing's.</summary>
    public const string OtherMeters = "RpcNet.*";
}

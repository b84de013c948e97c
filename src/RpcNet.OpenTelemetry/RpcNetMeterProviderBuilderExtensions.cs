using RpcNet.OpenTelemetry;

namespace OpenTelemetry.Metrics;

/// <summary>RpcNet's metrics in OpenTelemetry.</summary>
public static class RpcNetMeterProviderBuilderExtensions
{
    /// <summary>
    /// Collects the durations of calls by OpenTelemetry's conventions (rpc.client.call.duration, rpc.server.call.duration, with the
    /// buckets that they advise) and what RpcNet measures of itself (rpcnet.…): connections, lanes, members, selections.
    /// </summary>
    /// <param name="builder">The builder of the meter provider.</param>
    /// <returns>The builder.</returns>
    public static MeterProviderBuilder AddRpcNetInstrumentation(this MeterProviderBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        return builder.AddMeter(RpcNetInstrumentation.CallMeter, RpcNetInstrumentation.OtherMeters);
    }
}

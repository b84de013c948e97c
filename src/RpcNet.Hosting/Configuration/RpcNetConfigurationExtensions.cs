using RpcNet.Hosting;

namespace Microsoft.Extensions.Configuration;

/// <summary>RpcNet's short environment variables.</summary>
public static class RpcNetConfigurationExtensions
{
    /// <summary>Maps the short environment variables to configuration keys, by the process's role.</summary>
    /// <remarks>
    /// <list type="table">
    /// <item><term>WORKER_LABEL</term><description>RpcNet:Cluster:Tags:label, in workers</description></item>
    /// <item><term>WORKER_ADDR</term><description>RpcNet:Listen:Address, in workers</description></item>
    /// <item><term>DIRECTOR_ADDR</term><description>
    /// RpcNet:Listen:Address in directors, RpcNet:Cluster:Seeds:0 in workers, RpcNet:Director in clients
    /// </description></item>
    /// </list>
    /// Variables that are unset or empty map to nothing. Sources added earlier are overridden; add it last.
    /// </remarks>
    /// <param name="builder">The host's configuration.</param>
    /// <param name="role">"director", "worker" or "client", in any case.</param>
    /// <param name="section">The section that AddRpcNet binds.</param>
    /// <param name="getVariable">Reads a variable; null takes the process's environment.</param>
    /// <returns>The builder.</returns>
    /// <exception cref="ArgumentException">The role is none of the three.</exception>
    public static IConfigurationBuilder AddRpcNetEnvironmentAliases(
        this IConfigurationBuilder builder,
        string role,
        string section = RpcNetOptions.SectionName,
        Func<string, string?>? getVariable = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentNullException.ThrowIfNull(role);
        (string Variable, string Key)[] aliases = role.ToUpperInvariant() switch
        {
            "DIRECTOR" => [("DIRECTOR_ADDR", "Listen:Address")],
            "WORKER" =>
            [
                ("WORKER_LABEL", "Cluster:Tags:label"), ("WORKER_ADDR", "Listen:Address"), ("DIRECTOR_ADDR", "Cluster:Seeds:0"),
            ],
            "CLIENT" => [("DIRECTOR_ADDR", "Director")],
            _ => throw new ArgumentException($"The role '{role}' is unknown; it must be director, worker or client.", nameof(role)),
        };
        getVariable ??= Environment.GetEnvironmentVariable;
        return builder.AddInMemoryCollection(
            from alias in aliases
            let value = getVariable(alias.Variable)
            where !string.IsNullOrEmpty(value)
            select KeyValuePair.Create($"{section}:{alias.Key}", (string?)value));
    }
}

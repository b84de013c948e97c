using System.Globalization;
using System.Text;
using RpcNet.Hosting.Configuration;

namespace RpcNet.Hosting.Tests.Documentation;

/// <summary>Writes docs/configuration.md from the options.</summary>
internal static class ConfigurationPageWriter
{
    private const string Head = """
        # Configuration

        Every setting of RpcNet, with its range and default. This page and `appsettings.schema.json` are generated from the options;
        a test keeps them equal (`RPCNET_UPDATE_FILES=1 dotnet run --project tests/RpcNet.Hosting.Tests` writes them anew).

        Settings come from wherever the host's configuration does: `appsettings.json`, environment variables with two underscores
        between sections (`RpcNet__Cluster__Seeds__0=10.0.0.5:61000`), command-line arguments (`--RpcNet:Transport:Engine=Ngtcp2`), or
        code (`AddRpcNet(o => …)`, `AddCluster(o => …)`, `AddRpcClient<T>(o => …)`), which comes last. Durations are written
        `hours:minutes:seconds`, such as `00:00:02.5`. For completion in editors begin a settings file with
        `"$schema": "path/to/appsettings.schema.json"`.

        All settings are checked when the host starts: it does not start with a wrong one, and names all of them at once, with the
        misspelt keys. Run the host with `RpcNetHost.RunAsync(host)` to end such a start with exit code 1 and the message alone.

        Taken over while the host runs: `RpcNet:Cluster:Tags`; which certificates are used, and their files; `Server:MaxConcurrentCalls` and,
        for new connections, `Server:Limits` except `Lanes`. A change of anything else is refused with an error in the log and needs a
        restart; a configuration with a mistake is refused as a whole. [operations.md](operations.md) has more.

        The package RpcNet.Hosting brings the schema: projects that refer to it need no `"$schema"` line in editors that know
        `JsonSchemaSegment`. `AddRpcNet("name")` adds further servers, configured by `RpcNet:Servers:<name>`.

        ## Environment variables of the tutorial

        `builder.Configuration.AddRpcNetEnvironmentAliases(role)` maps them by the process's role:

        | Variable | director | worker | client |
        |---|---|---|---|
        | `DIRECTOR_ADDR` | `RpcNet:Listen:Address` | `RpcNet:Cluster:Seeds:0` | `RpcNet:Director` |
        | `WORKER_ADDR` | | `RpcNet:Listen:Address` | |
        | `WORKER_LABEL` | | `RpcNet:Cluster:Tags:label` | |

        """;

    public static string Write()
    {
        var page = new StringBuilder(Head.ReplaceLineEndings("\n"));
        Section(page, OptionsModel.Root, RpcNetOptions.SectionName, new RpcNetOptions(), new OptionDocs());
        return page.ToString();
    }

    private static void Section(StringBuilder page, OptionsModel model, string path, object defaults, OptionDocs docs)
    {
        page.Append(CultureInfo.InvariantCulture, $"\n## {path}\n\n{docs.SummaryOfType(model.Type)}\n");
        var values = model.Children.Where(static c => c.Kind != OptionsKind.Section && c.Element is not { Kind: OptionsKind.Section }).ToList();
        if (values.Count > 0)
        {
            page.Append("\n| Key | Type | Default | Meaning |\n|---|---|---|---|\n");
            foreach (var child in values)
            {
                page.Append(CultureInfo.InvariantCulture, $"| `{Name(child)}` | {TypeName(child)} | {Default(child, defaults)} | {Meaning(child, docs)} |\n");
            }
        }

        foreach (var child in model.Children.Except(values))
        {
            if (child.Kind == OptionsKind.Section)
            {
                Section(page, child, $"{path}:{child.Name}", child.Property!.GetValue(defaults)!, docs);
            }
            else
            {
                Section(page, child.Element!, $"{path}:{child.Name}:<name>", Activator.CreateInstance(child.Element!.Type)!, docs);
            }
        }
    }

    private static string Name(OptionsModel model) => model.Kind switch
    {
        OptionsKind.List => $"{model.Name}:0, 1, …",
        OptionsKind.Map => $"{model.Name}:<name>",
        _ => model.Name,
    };

    private static string TypeName(OptionsModel model)
    {
        var type = model.Element?.Type ?? model.Type;
        return type switch
        {
            { IsEnum: true } => string.Join(", ", Enum.GetNames(type)),
            _ when type == typeof(string) => "text",
            _ when type == typeof(bool) => "true, false",
            _ when type == typeof(TimeSpan) => "duration",
            _ when type == typeof(double) => "number",
            _ => "whole number",
        };
    }

    private static string Default(OptionsModel model, object defaults) => model.Kind != OptionsKind.Value ? "" : model.Property!.GetValue(defaults) switch
    {
        null or "" => "",
        bool flag => flag ? "`true`" : "`false`",
        var value => $"`{Convert.ToString(value, CultureInfo.InvariantCulture)}`",
    };

    private static string Meaning(OptionsModel model, OptionDocs docs) =>
        $"{docs.Summary(model.Property!)}{(model.Kind == OptionsKind.Value ? " " + docs.Value(model.Property!) : "")}"
            .Replace("|", "\\|", StringComparison.Ordinal)
            .Replace("<", "&lt;", StringComparison.Ordinal);
}

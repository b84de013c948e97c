using System.Reflection;
using System.Text;
using Microsoft.Extensions.Logging;

namespace RpcNet.Hosting.Tests.Documentation;

/// <summary>docs/event-ids.md lists what the libraries log, and no id stands for two events.</summary>
public sealed class EventIdsTests
{
    private const string Head = """
        # Event ids

        What RpcNet logs, by the id that alerts and filters can rely on: an id is never given to another event. The page is generated
        from the code, and a test keeps them equal (`RPCNET_UPDATE_FILES=1 dotnet run --project tests/RpcNet.Hosting.Tests` writes it).

        Levels are set as for any category: `"Logging": { "LogLevel": { "RpcNet": "Debug" } }`, and in force at once when the file changes.

        | Ids | Area |
        |---|---|
        | 1000 – 1099 | clients |
        | 1100 – 1199 | servers |
        | 1200 – 1299 | the engine System.Net.Quic |
        | 2000 – 2999 | hosting |
        | 3000 – 3199 | cluster membership |
        | 3200 – 3299 | the engine ngtcp2 |
        | 4000 – 4999 | routing: registry, balancing, cluster clients |
        | 9000 – 9999 | testing |

        | Id | Level | Event | Message |
        |---|---|---|---|

        """;

    private static readonly Assembly[] Libraries =
    [
        typeof(RpcNet.Server.RpcServer).Assembly, typeof(RpcNet.Cluster.ClusterNode).Assembly, typeof(RpcNet.Transports.Ngtcp2.Ngtcp2Transport).Assembly,
        typeof(RpcNetOptions).Assembly, typeof(RpcNet.Testing.RpcTestHost).Assembly,
    ];

    [Fact]
    public void Ids_AreUnique()
    {
        var events = Events().ToList();
        Assert.InRange(events.Count, 60, 1000);
        Assert.All(events.GroupBy(static e => e.Id), static g => Assert.Single(g));
    }

    [Fact]
    public void Ids_AreInTheirAreasBlock() => Assert.All(Events(), static e => Assert.True(
        e.Library switch
        {
            "RpcNet.Core" => e.Id is >= 1000 and < 1300,
            "RpcNet.Hosting" => e.Id is >= 2000 and < 3000,
            "RpcNet.Cluster" => e.Id is (>= 3000 and < 3200) or (>= 4000 and < 5000),
            "RpcNet.Transports.Ngtcp2" => e.Id is >= 3200 and < 3300,
            _ => e.Id is >= 9000 and < 10_000,
        },
        $"{e.Id} {e.Name} of {e.Library} is outside of its block"));

    [Fact]
    public void Page_EqualsTheCode()
    {
        var page = new StringBuilder(Head.ReplaceLineEndings("\n"));
        foreach (var e in Events().OrderBy(static e => e.Id))
        {
            page.Append(System.Globalization.CultureInfo.InvariantCulture, $"| {e.Id} | {e.Level} | {e.Name} | {e.Message.Replace("|", "\\|", StringComparison.Ordinal)} |\n");
        }

        GeneratedFiles.Check("docs/event-ids.md", page.ToString());
    }

    private static IEnumerable<(int Id, LogLevel Level, string Name, string Message, string Library)> Events() =>
        from library in Libraries
        from type in library.GetTypes()
        from method in type.GetMethods(BindingFlags.Static | BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly)
        let attribute = method.GetCustomAttribute<LoggerMessageAttribute>()
        where attribute is not null
        select (attribute.EventId, attribute.Level, attribute.EventName ?? method.Name, attribute.Message, library.GetName().Name!);
}

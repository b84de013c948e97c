using RpcNet.Hosting.Configuration;

namespace RpcNet.Hosting.Tests.Support;

internal static class OptionsModelExtensions
{
    extension(OptionsModel model)
    {
        /// <summary>Whether the setting is a number or a duration.</summary>
        public bool IsNumber => model.Kind == OptionsKind.Value && (model.Type == typeof(int) || model.Type == typeof(double) || model.Type == typeof(TimeSpan));

        /// <summary>All settings below a section that are properties.</summary>
        public IEnumerable<OptionsModel> Values() => model.Keys("").Select(static k => k.Model);

        /// <summary>The same with their keys; maps have the one element that <paramref name="names"/> gives for them.</summary>
        public IEnumerable<(string Key, OptionsModel Model)> Keys(string path, params (string Map, string Element)[] names)
        {
            foreach (var child in model.Children)
            {
                var key = path.Length == 0 ? child.Name : $"{path}:{child.Name}";
                switch (child.Kind)
                {
                    case OptionsKind.Value:
                        yield return (key, child);
                        break;
                    case OptionsKind.Section:
                        foreach (var below in child.Keys(key, names))
                        {
                            yield return below;
                        }

                        break;
                    case OptionsKind.Map when child.Element!.Kind == OptionsKind.Section:
                        var element = names.FirstOrDefault(n => n.Map == child.Name).Element ?? "name";
                        foreach (var below in child.Element.Keys($"{key}:{element}", names))
                        {
                            yield return below;
                        }

                        break;
                    default:
                        break;
                }
            }
        }
    }
}

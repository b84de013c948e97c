using Microsoft.CodeAnalysis;

namespace RpcNet.Generators.Contracts;

/// <summary>
/// The types for which PolyType generates shapes in an assembly: those that attributes name, and what these reach through
/// type arguments, elements, properties, fields and constructor parameters.
/// </summary>
internal sealed class GeneratedShapes
{
    private readonly HashSet<string> _types = new(StringComparer.Ordinal);
    private bool _hasPattern;

    public static GeneratedShapes Of(IAssemblySymbol assembly)
    {
        var shapes = new GeneratedShapes();
        foreach (var type in Symbols.Types(assembly))
        {
            shapes.CollectAttributes(type);
        }

        return shapes;
    }

    /// <summary>A name pattern in [GenerateShapeFor] is not evaluated: it gets the benefit of the doubt.</summary>
    public bool Contains(ITypeSymbol type) => _hasPattern || _types.Contains(type.ToDisplayString(Symbols.Readable));

    private void CollectAttributes(INamedTypeSymbol type)
    {
        foreach (var attribute in type.GetAttributes())
        {
            var name = attribute.AttributeClass?.OriginalDefinition.ToDisplayString();
            if (name == Symbols.GenerateShape)
            {
                Add(type);
            }
            else if (name == Symbols.GenerateShapeFor + "<T>")
            {
                Add(attribute.AttributeClass!.TypeArguments[0]);
            }
            else if (name == Symbols.GenerateShapeFor)
            {
                if (attribute.ConstructorArguments.FirstOrDefault().Value is ITypeSymbol target)
                {
                    Add(target);
                }
                else
                {
                    _hasPattern = true;
                }
            }
        }
    }

    private void Add(ITypeSymbol type)
    {
        if (!_types.Add(type.ToDisplayString(Symbols.Readable)))
        {
            return;
        }

        if (type is IArrayTypeSymbol array)
        {
            Add(array.ElementType);
        }
        else if (type is INamedTypeSymbol named)
        {
            foreach (var argument in named.TypeArguments)
            {
                Add(argument);
            }

            if (named.Locations.Any(l => l.IsInSource))
            {
                AddMembers(named);
            }
        }
    }

    private void AddMembers(INamedTypeSymbol type)
    {
        for (var t = type; t is not null && t.Locations.Any(l => l.IsInSource); t = t.BaseType)
        {
            foreach (var member in t.GetMembers().Where(m => !m.IsStatic && m.DeclaredAccessibility == Accessibility.Public))
            {
                switch (member)
                {
                    case IPropertySymbol { IsIndexer: false } property:
                        Add(property.Type);
                        break;
                    case IFieldSymbol field:
                        Add(field.Type);
                        break;
                    case IMethodSymbol { MethodKind: MethodKind.Constructor } constructor:
                        foreach (var parameter in constructor.Parameters)
                        {
                            Add(parameter.Type);
                        }

                        break;
                }
            }
        }
    }
}

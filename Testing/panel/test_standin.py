# ruff: noqa: TID251 - runs Slicer's Qt layers
"""The stand-in behaves as PythonQt, CTK and Slicer's widgets were measured to behave."""

from typing import Annotated, Any

import pytest

pytestmark = pytest.mark.panel

UI = """<?xml version="1.0"?><ui version="4.0"><class>Demo</class>
<widget class="qMRMLWidget" name="Demo"><layout class="QVBoxLayout">
<item><widget class="qMRMLNodeComboBox" name="selector">
 <property name="nodeTypes"><stringlist><string>vtkMRMLScalarVolumeNode</string></stringlist>
 </property><property name="SlicerParameterName" stdset="0"><string>volume</string></property>
 </widget></item>
<item><widget class="CLASS" name="box">
 <property name="SlicerParameterName" stdset="0"><string>flag</string></property></widget></item>
</layout></widget><connections><connection><sender>Demo</sender>
<signal>mrmlSceneChanged(vtkMRMLScene*)</signal><receiver>selector</receiver>
<slot>setMRMLScene(vtkMRMLScene*)</slot></connection></connections></ui>"""


@pytest.fixture
def ctk(slicer: Any) -> Any:
    import ctk

    return ctk


def test_qt_properties_are_attributes_and_cannot_be_called(qt: Any) -> None:
    label = qt.QLabel("CT")
    assert label.text == "CT"
    with pytest.raises(TypeError):
        label.text()
    label.setText("MR")
    assert label.text == "MR"
    table = qt.QTableWidget()
    table.setRowCount(3)
    assert table.rowCount == 3
    with pytest.raises(TypeError):
        table.rowCount()


def test_methods_whose_name_differs_from_the_property_stay_callable(qt: Any) -> None:
    button = qt.QPushButton()
    button.enabled = False
    assert not button.isEnabled()
    assert not button.enabled
    assert button.checked is False
    assert button.isChecked() is False


def test_cpp_objects_take_no_new_attributes_but_python_subclasses_do(qt: Any) -> None:
    with pytest.raises(AttributeError, match="userData"):
        qt.QPushButton().userData = 1

    class Own(qt.QWidget):
        pass

    own = Own()
    own.userData = 2
    assert own.userData == 2


def test_text_takes_only_text(qt: Any) -> None:
    for value in (None, 3):
        with pytest.raises(TypeError):
            qt.QLabel().text = value


def test_slots_get_as_many_arguments_as_they_take(qt: Any) -> None:
    seen: list[Any] = []
    button = qt.QPushButton()
    assert button.connect("clicked(bool)", lambda: seen.append("none"))
    assert button.connect("clicked(bool)", lambda checked: seen.append(checked))
    assert button.connect("clicked()", lambda: seen.append("plain"))
    button.click()
    assert seen == ["none", False, "plain"]


def test_a_misspelt_signal_is_an_error(qt: Any) -> None:
    with pytest.raises(ValueError, match="cliked"):
        qt.QPushButton().connect("cliked()", print)


def test_disconnect_with_the_same_form_ends_the_calls(qt: Any) -> None:
    seen: list[bool] = []

    class Owner:
        def slot(self, checked: bool) -> None:
            seen.append(checked)

    owner, button = Owner(), qt.QPushButton()
    button.connect("clicked(bool)", owner.slot)
    button.click()
    assert button.disconnect("clicked(bool)", owner.slot)
    button.click()
    assert seen == [False]


def test_enums_are_ints(qt: Any) -> None:
    assert qt.Qt.Horizontal == 1
    assert qt.QMessageBox.Yes == 0x4000


def test_object_names_and_class_names(qt: Any) -> None:
    label = qt.QLabel()
    label.name = "title"
    assert label.objectName == "title"
    assert label.className() == "QLabel"
    assert isinstance(label.children(), tuple)


def test_settings_go_to_a_folder_of_the_test(slicer: Any, qt: Any) -> None:
    qt.QSettings().setValue("DenseSharp/Test", 3)
    assert slicer.util.settingsValue("DenseSharp/Test", 0, converter=int) == 3
    assert qt.QSettings().fileName().startswith(slicer.app.temporaryPath)


def test_a_ui_file_gets_its_scene_and_refuses_unknown_classes(
    slicer: Any, qt: Any, tmp_path: Any
) -> None:
    good, bad = tmp_path / "good.ui", tmp_path / "bad.ui"
    good.write_text(UI.replace("CLASS", "QCheckBox"))
    bad.write_text(UI.replace("CLASS", "ctkNoSuchWidget"))
    widget = slicer.util.loadUI(str(good))
    ui = slicer.util.childWidgetVariables(widget)
    assert not ui.selector.enabled
    widget.setMRMLScene(slicer.mrmlScene)
    assert ui.selector.enabled
    with pytest.raises(RuntimeError, match="ctkNoSuchWidget"):
        slicer.util.loadUI(str(bad))


def test_parameters_follow_widgets_and_widgets_follow_parameters(
    slicer: Any, tmp_path: Any
) -> None:
    from slicer.parameterNodeWrapper import WithinRange, parameterNodeWrapper

    kinds = {
        "volume": slicer.vtkMRMLScalarVolumeNode,
        "flag": bool,
        "level": Annotated[float, WithinRange(0, 1)],
    }
    described = type("Parameters", (), {"__annotations__": kinds, "flag": True, "level": 0.5})
    wrapper = parameterNodeWrapper(described)
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScriptedModuleNode")
    parameters = wrapper(node)
    path = tmp_path / "demo.ui"
    path.write_text(UI.replace("CLASS", "QCheckBox"))
    widget = slicer.util.loadUI(str(path))
    widget.setMRMLScene(slicer.mrmlScene)
    ui = slicer.util.childWidgetVariables(widget)
    tag = parameters.connectGui(ui)
    assert ui.box.checked
    ui.box.checked = False
    assert parameters.flag is False
    volume = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode")
    parameters.volume = volume
    assert ui.selector.currentNode() is volume
    parameters.disconnectGui(tag)
    ui.box.checked = True
    assert parameters.flag is False
    with pytest.raises(ValueError, match="2"):
        parameters.level = 2.0


class TestNodeSelector:
    @pytest.fixture
    def selector(self, slicer: Any) -> Any:
        selector = slicer.qMRMLNodeComboBox()
        selector.nodeTypes = ["vtkMRMLScalarVolumeNode"]
        return selector

    def add(self, slicer: Any, name: str) -> Any:
        return slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", name)

    def test_the_first_node_is_taken_when_none_is_not_allowed(
        self, slicer: Any, selector: Any
    ) -> None:
        first = self.add(slicer, "A")
        self.add(slicer, "B")
        selector.setMRMLScene(slicer.mrmlScene)
        assert selector.currentNode() is first

    def test_a_later_node_is_not_selected_while_create_or_delete_is_offered(
        self, slicer: Any, selector: Any
    ) -> None:
        selector.setMRMLScene(slicer.mrmlScene)
        self.add(slicer, "A")
        assert selector.currentNode() is None

    def test_a_first_node_is_selected_when_neither_is_offered(
        self, slicer: Any, selector: Any
    ) -> None:
        selector.addEnabled = selector.removeEnabled = False
        selector.setMRMLScene(slicer.mrmlScene)
        node = self.add(slicer, "A")
        assert selector.currentNode() is node

    def test_after_removal_the_next_row_is_current(self, slicer: Any, selector: Any) -> None:
        nodes = [self.add(slicer, name) for name in "ABC"]
        selector.setMRMLScene(slicer.mrmlScene)
        selector.setCurrentNode(nodes[1])
        slicer.mrmlScene.RemoveNode(nodes[1])
        assert selector.currentNode() is nodes[2]

    def test_signals_come_as_node_then_bool_then_id_and_not_for_the_same_node(
        self, slicer: Any, selector: Any
    ) -> None:
        node = self.add(slicer, "A")
        self.add(slicer, "B")
        selector.noneEnabled = True
        selector.setMRMLScene(slicer.mrmlScene)
        seen: list[Any] = []
        selector.connect("currentNodeChanged(vtkMRMLNode*)", seen.append)
        selector.connect("currentNodeChanged(bool)", lambda there: seen.append(there))
        selector.connect("currentNodeIDChanged(QString)", lambda name: seen.append(name))
        selector.setCurrentNode(node)
        selector.setCurrentNode(node)
        assert seen == [node, True, node.GetID()]

    def test_label_maps_are_offered_unless_child_types_are_off(
        self, slicer: Any, selector: Any
    ) -> None:
        slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode")
        selector.setMRMLScene(slicer.mrmlScene)
        assert selector.nodeCount() == 1
        selector.showChildNodeTypes = False
        assert selector.nodeCount() == 0


class TestCtk:
    def test_slider_defaults_and_members(self, ctk: Any) -> None:
        slider = ctk.ctkSliderWidget()
        assert (slider.minimum, slider.maximum, slider.value, slider.decimals) == (0, 99, 0, 2)
        with pytest.raises(AttributeError):
            slider.setMaximum(5)

    def test_slider_tells_both_signals_and_keeps_the_range(self, ctk: Any) -> None:
        slider, seen = ctk.ctkSliderWidget(), []
        slider.connect("valueChanged(double)", lambda value: seen.append(value))
        slider.connect("valueIsChanging(double)", lambda value: seen.append(-value))
        slider.value = 12.345
        assert seen == [-12.345, 12.345]
        slider.maximum = 10
        assert slider.value == 10

    def test_hidden_children_stay_hidden_after_collapsing(self, qt: Any, ctk: Any) -> None:
        section = ctk.ctkCollapsibleButton()
        layout = qt.QVBoxLayout(section)
        shown, hidden = qt.QLabel("a"), qt.QLabel("b")
        layout.addWidget(shown)
        layout.addWidget(hidden)
        hidden.setVisible(False)
        section.collapsed = True
        assert not section.checked
        section.collapsed = False
        assert not shown.isHidden()
        assert hidden.isHidden()


def test_scenes_are_real(slicer: Any, tmp_path: Any) -> None:
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTextNode", "note")
    assert slicer.mrmlScene.GetFirstNodeByName("note") is node
    with pytest.raises(AttributeError):
        node.NoSuchMethod()
    with pytest.raises(AttributeError):
        slicer.app.noSuchMember()
